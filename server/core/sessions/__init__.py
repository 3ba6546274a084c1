"""Sessions: what bounds the work that belongs together."""
