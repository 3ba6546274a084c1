"""The knowledge base: documents, their passages, and how these are found."""
