"""What API-shaped code shares: the declaration of an API, sockets, frames, projection and CORS."""
