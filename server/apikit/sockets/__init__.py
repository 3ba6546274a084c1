"""Sockets: what a WebSocket says and hears, whichever API it is of."""
