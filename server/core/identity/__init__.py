"""Who calls: organizations, keys, clients, tokens and their scopes."""
