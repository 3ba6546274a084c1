"""Tasks as their owners see them: given, looked at, cancelled and tried again."""
