"""Tasks that language models do: what is kept of how they do them, and what they change on the way."""
