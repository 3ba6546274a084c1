"""CoordinAItor: tasks, and what is said of them."""
