"""CoordinAItor: projects."""
