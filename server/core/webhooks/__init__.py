"""Webhooks: events of the feed, signed and delivered to whoever has registered an address for them."""
