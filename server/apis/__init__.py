"""The APIs, a folder each."""
