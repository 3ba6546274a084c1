"""What surrounds every call."""
