"""The native API: chat."""
