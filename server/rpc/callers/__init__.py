"""Who calls: credentials, guests, quotas, and in whose name a change is made."""
