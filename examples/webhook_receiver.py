"""Listens on port 9000 for webhooks whose secret is `your-webhook-secret`, and says what it is told."""

import hashlib
import hmac
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = b"your-webhook-secret"


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is signed with the secret, and 401 to anything else."""

    def do_POST(self) -> None:
        """A delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(expected, self.headers["X-Orchestrator-Signature"] or "")
        said = json.loads(body)
        print("signed" if good else "FORGED", said["event"], said["data"].get("name", ""), flush=True)
        self.send_response(204 if good else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing of each request."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
