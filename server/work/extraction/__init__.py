"""Extraction: the text of an uploaded file, read by a process of its own that has little memory and time."""
