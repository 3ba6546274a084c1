"""Access tokens, below /oauth: a part of two documents, with errors that are those of its RFC."""
