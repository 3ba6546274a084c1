"""The native API: the knowledge base."""
