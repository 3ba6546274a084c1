"""The use cases: the rules, in plain Python."""
