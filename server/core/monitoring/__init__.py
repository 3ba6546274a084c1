"""How the system and the work in it are: health, backlog, metrics and alerts."""
