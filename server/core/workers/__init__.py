"""Workers: programs elsewhere that take tasks for an agent."""
