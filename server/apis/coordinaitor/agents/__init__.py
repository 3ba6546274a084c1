"""CoordinAItor: agents, and how they have done."""
