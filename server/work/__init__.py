"""How tasks get done."""
