"""Memory: what goes along with a question, what is summed up of it, and what is quoted of it without a model."""
