"""The native API: workflows."""
