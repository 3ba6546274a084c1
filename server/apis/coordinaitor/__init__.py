"""The CoordinAItor API: people, their projects, and tasks that they share with agents."""
