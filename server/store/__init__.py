"""The database, and who is told of its changes."""
