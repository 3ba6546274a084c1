"""People in the native API."""
