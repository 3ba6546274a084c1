"""Chat: conversations, the questions in them, and how their answers come to be."""
