"""A dashboard in a real browser: a page of another origin calls the Industrial API and listens in its rooms."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.stack import Stack

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed here (Debian's package: chromium)")

DASHBOARD = """<!doctype html><script>
const seen = {};
const api = (path, options = {}) => fetch("http://localhost:PORT/api/v1" + path,
  {...options, headers: {"Content-Type": "application/json", ...KEY, ...options.headers}});
async function dashboard() {
  const made = await api("/sessions", {method: "POST", body: JSON.stringify({title: "From a browser"}),
                                       headers: {"Idempotency-Key": crypto.randomUUID()}});
  const session = await made.json();
  seen.created = [made.status, session.status, Boolean(made.headers.get("X-Request-ID"))];
  const frames = [];
  const socket = new WebSocket(`ws://localhost:PORT/ws/sessions/${session.id}`);
  const started = new Promise(resolve => socket.onmessage = message => {
    const frame = JSON.parse(message.data);
    frames.push(frame.type);
    if (frame.type === "subscription.confirmed") api(`/sessions/${session.id}/start`, {method: "POST"});
    if (frame.type === "session.status_changed") resolve(frame.payload.status);
  });
  seen.pushed = await started;
  seen.frames = frames.slice(0, 3);
  const wrong = await api("/sessions/nonsense");
  seen.wrong = [wrong.status, (await wrong.json()).error.code];
  const task = await (await api("/tasks", {method: "POST",
    body: JSON.stringify({session_id: session.id, title: "By hand"})})).json();
  const patched = await api(`/tasks/${task.id}/status`, {method: "PATCH", body: JSON.stringify({status: "CANCELLED"})});
  seen.patched = (await patched.json()).status;
}
async function refused() {
  seen.read = await api("/sessions").then(() => "was read", error => error.name);
  seen.wrote = await fetch("http://localhost:PORT/api/v1/sessions",
    {method: "POST", mode: "no-cors", body: '{"title": "forged"}'}).then(answer => answer.type, error => error.name);
  seen.heard = await new Promise(resolve => {
    const socket = new WebSocket("ws://localhost:PORT/ws/sessions");
    socket.onmessage = () => resolve("heard");
    socket.onerror = () => resolve("refused");
  });
}
WHAT().catch(error => seen.error = String(error)).then(() => fetch("/done", {method: "POST", body: JSON.stringify(seen)}));
</script>"""


class Browser:
    """Opens one page, served at a host of this machine, and gives what the page says when it is done."""

    def __init__(self, folder: Path, host: str, page: str) -> None:
        said: queue.Queue[dict] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode() if self.path == "/" else b"")

            def do_POST(self) -> None:
                said.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.said = said
        self.server = ThreadingHTTPServer((host, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        flags = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={folder}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        name = "localhost" if host == "127.0.0.1" else host
        command = [CHROMIUM, *flags, f"http://{name}:{self.server.server_port}/"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def opened(stack: Stack, tmp_path: Path) -> Iterator:
    browsers = []

    def show(host: str, what: str, key: str = "") -> dict:
        headers = json.dumps({"X-API-Key": key} if key else {})
        page = DASHBOARD.replace("PORT", str(stack.port)).replace("KEY", headers).replace("WHAT", what)
        browsers.append(Browser(tmp_path / f"profile-{len(browsers)}", host, page))
        return browsers[-1].said.get(timeout=40)

    yield show
    for browser in browsers:
        browser.close()


@pytest.mark.timeout(120)
def test_a_dashboard_of_this_machine_needs_no_key_in_development(opened) -> None:
    assert opened("127.0.0.1", "dashboard") == {
        "created": [201, "PENDING", True],
        "pushed": "RUNNING",
        "frames": ["connection.established", "subscription.confirmed", "session.status_changed"],
        "wrong": [404, "SESSION_NOT_FOUND"],
        "patched": "CANCELLED",
    }


@pytest.mark.timeout(120)
def test_a_page_of_another_site_can_neither_read_nor_write_nor_listen(opened, stack: Stack) -> None:
    with stack.client(stack.key) as client:
        before = client.get("/api/v1/sessions").json()["total"]
        said = opened("127.0.0.2", "refused")
        assert said["read"] == "TypeError" and said["heard"] == "refused"
        # A browser sends the forged request all the same, and hides the answer: nothing came of it.
        assert client.get("/api/v1/sessions").json()["total"] == before
