"""WebSockets: every bidirectional method that its proto gives a GET path, as a socket of JSON text frames."""

from server.websocket.bridge import Bridge

__all__ = ["Bridge"]
