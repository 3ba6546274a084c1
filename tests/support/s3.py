"""An S3 on this machine: moto's server, where there is one (`make test-s3` brings it)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.ports import free_port
from tests.support.waiting import until


class S3:
    """One bucket of it."""

    url = "s3://bucket/prefix"

    def __init__(self, endpoint: str) -> None:
        # Spelled as programs that use S3 read it.
        self.environment = {
            "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        }  # fmt: skip
        self._bucket = f"{endpoint}/bucket"

    def names(self) -> list[str]:
        """Of everything in it, and of what is on its way into it."""
        listed = "".join(httpx.get(f"{self._bucket}{what}").text for what in ("?list-type=2", "?uploads"))
        return re.findall("<Key>prefix/([^<]*)</Key>", listed)

    def empty(self) -> None:
        """Makes the bucket, or empties it."""
        httpx.put(self._bucket)
        for name in self.names():
            httpx.delete(f"{self._bucket}/prefix/{name}")


@contextmanager
def running_s3() -> Iterator[S3]:
    """Starts one; skips where there is none to start."""
    beside = Path(sys.executable).with_name("moto_server")
    program = os.environ.get("MOTO_SERVER") or shutil.which("moto_server") or (str(beside) if beside.exists() else None)
    if program is None:
        pytest.skip("there is no moto_server here: make test-s3 brings it")
    port = free_port()
    process = subprocess.Popen([program, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port))
        yield S3(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/moto-api/").status_code == 200
    except httpx.HTTPError:
        return False
