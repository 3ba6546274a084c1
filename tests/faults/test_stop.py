"""Servers that stop: callers get answers or are told to try again, what was answered exists, and there is an end to it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import psutil
import pytest
from orchestrator.v1 import session_service_pb2 as pb
from orchestrator.v1 import session_service_pb2_grpc as rpc

from tests.support.silence import Silence
from tests.support.stack import Stack

WRITERS = 3
AGAIN_SECONDS = 0.02


class Writers:
    """Threads that create sessions, over REST and over gRPC, as fast as they are answered."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.stack, self.key = stack, key
        self.over = threading.Event()
        self.created: list[str] = []
        self.refused = 0
        self.wrong: list[str] = []
        self.slowest = 0.0
        self.threads = [threading.Thread(target=self._write, args=(each,)) for each in (self._rest, self._grpc) * WRITERS]
        for thread in self.threads:
            thread.start()

    def _write(self, kind) -> None:
        with kind() as create:
            while not self.over.is_set():
                began = time.monotonic()
                try:
                    found = create()
                except Exception as error:
                    found, _ = None, self.wrong.append(repr(error))
                self.slowest = max(self.slowest, time.monotonic() - began)
                if found:
                    self.created.append(found)
                else:
                    self.refused += 1
                # There is always one on the way, and the processor has something else to do as well.
                self.over.wait(0.002 if found else AGAIN_SECONDS)

    def _rest(self):
        client = self.stack.client(self.key)

        class Create:
            def __enter__(self):
                return self.create

            def __exit__(self, *_):
                client.close()

            @staticmethod
            def create() -> str | None:
                answer = client.post("/v1/sessions", json={"name": "written"})
                if answer.status_code == 201:
                    return answer.json()["id"]
                assert answer.status_code == 503 and answer.headers["retry-after"] == "1", (answer, answer.text)
                assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
                return None

        return Create()

    def _grpc(self):
        # A channel each, as clients in processes of their own have.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        channel = grpc.insecure_channel(f"127.0.0.1:{self.stack.grpc_port}", options)
        metadata = (("authorization", f"Bearer {self.key}"),)

        class Create:
            def __enter__(self):
                return self.create

            def __exit__(self, *_):
                channel.close()

            @staticmethod
            def create() -> str | None:
                try:
                    request = pb.CreateSessionRequest(name="written")
                    return rpc.SessionServiceStub(channel).CreateSession(request, metadata=metadata, timeout=60).id
                except grpc.RpcError as error:
                    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
                    return None

        return Create()

    def until_more(self, seconds: float = 30) -> None:
        """Returns when some have been created since, over REST too."""
        deadline, before = time.monotonic() + seconds, len(self.created)
        while len(self.created) < before + 20:
            assert time.monotonic() < deadline and not self.wrong, (self.wrong[:3], self.stack.log_path.read_text()[-2000:])
            time.sleep(0.01)

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def stop_under_load(folder: Path, times: int) -> None:
    stack = Stack(folder / "data", "--no-quotas", LOG_LEVEL="WARNING", SHUTDOWN_SECONDS="20").start()
    try:
        key = stack.tenant()
        writers = Writers(stack, key)
        try:
            for _ in range(times):
                writers.until_more()
                server = stack.server()
                server.send_signal(signal.SIGTERM)
                server.wait(20)
                with stack.client(key) as client:
                    deadline = time.monotonic() + 30
                    while client.get("/v1/sessions?limit=1").status_code != 200:
                        assert time.monotonic() < deadline
                        time.sleep(0.02)
            writers.until_more()
        finally:
            writers.stop()
        assert not writers.wrong, writers.wrong[:5]
        assert writers.refused and writers.slowest < 15, writers.slowest
        with sqlite3.connect(stack.data_dir / "orchestrator.db") as database:
            known = {f"session_{id}" for (id,) in database.execute("SELECT id FROM sessions")}
        assert len(set(writers.created)) == len(writers.created) and set(writers.created) <= known
    finally:
        assert stack.stop() == 0


@pytest.mark.timeout(120)
def test_who_writes_while_servers_stop_sees_answers_and_what_may_be_tried_again(tmp_path: Path) -> None:
    stop_under_load(tmp_path, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_who_writes_while_servers_stop_fifty_times_does_too(tmp_path: Path) -> None:
    stop_under_load(tmp_path, 50)


@pytest.mark.parametrize("supervisor_dies", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_server_whose_database_has_fallen_silent_ends_all_the_same(
    tmp_path: Path, postgres_url: str, supervisor_dies: bool
) -> None:
    way = Silence(postgres_url)
    stack = Stack(tmp_path / "data", DATABASE_URL=way.url, SHUTDOWN_SECONDS="0").start()
    try:
        children = stack.children()
        way.silent.set()
        stack.process.send_signal(signal.SIGKILL if supervisor_dies else signal.SIGTERM)
        # Four seconds, which end the server by itself; its supervisor would wait for longer.
        _, left = psutil.wait_procs(children, timeout=15)
        assert not left, [each.cmdline() for each in left]
        assert "did not stop within 4 seconds" in stack.log_path.read_text()
        assert stack.process.wait(10) == (-signal.SIGKILL if supervisor_dies else 0)
    finally:
        stack.stop(signal.SIGKILL)
        way.close()


HELD_UP = "import time; from server.running.deadline import Deadline; end = Deadline(0.1); {}; print('held up', flush=True); time.sleep(60)"


def test_a_server_that_is_held_up_ends_too() -> None:
    ended = subprocess.run([sys.executable, "-c", HELD_UP.format("end.begin()")], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1 and ended.stderr == "did not stop within 0.1 seconds, so it ends as it is\n"


def test_a_server_ends_with_its_supervisor_also_where_nothing_says_so() -> None:
    """Its parent is gone, and the signal that it would get from the kernel has been lost."""
    child = HELD_UP.format("import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); end.follow(os.getppid())")
    parent = f"import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', {child!r}]); print(c.pid, flush=True); c.wait()"
    running = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    server = psutil.Process(int(running.stdout.readline()))
    assert running.stdout.readline() == "held up\n"
    running.kill()
    running.wait()
    running.stdout.close()
    psutil.wait_procs([server], timeout=20)
    assert not server.is_running()
