"""Installed requirement sets: read-only folders of unpacked wheels, each named by the hash of what was locked.

Every install resolves anew, so an unpinned requirement is as fresh at each deploy as its index; only what the
resolution names is cached. Wheels are unpacked and never built or imported here, so no code of a package runs.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from uv import find_uv_bin

from server.core.agents.requirements import check_requirements

MAX_MESSAGE_BYTES = 4096
_UNFINISHED = ".unfinished-"
_ABANDONED_SECONDS = 3600.0
_CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
_SET_NAME = re.compile(r"[0-9a-f]{64}")
_PASSED = frozenset({"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_PASSED_ANY_CASE = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
# These would move uv out of its own folder, or undo what every install here promises.
_WITHHELD = frozenset({"UV_WORKING_DIR", "UV_PROJECT", "UV_NO_VERIFY_HASHES", "UV_REQUIRE_HASHES", "UV_LINK_MODE"})


class InstallFailed(Exception):
    """A set that cannot be installed; the text is the installer's own, safe to show to the user."""


class _Crashed(InstallFailed):
    """The installer itself failed."""


class Environments:
    """The sets under one root, which several processes may share."""

    def __init__(
        self, root: Path, *, timeout_seconds: float = 300, max_bytes: int = 2 * 1024**3, uv: str | None = None
    ) -> None:
        self._root = root.resolve()
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._uv = uv or find_uv_bin()
        self._home = self._root / ".installer"
        self._home.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()

    def at(self, name: str) -> Path:
        """Where the set of this name is, if it is on this machine."""
        return self._root / name

    async def install(self, requirements: Sequence[str]) -> Path | None:
        """The folder to mount read-only for these requirements, or None where there are none.

        Raises RequirementError for a bad line and InstallFailed where the index or the installer refuses.
        """
        lines = check_requirements(requirements)
        if not lines:
            return None
        work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._root))
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._installed(lines, work)
        except TimeoutError:
            raise InstallFailed(f"installing took longer than {self._timeout_seconds:g} seconds") from None
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, work, ignore_errors=True))

    async def prune(self, keep: Collection[Path], *, unused_seconds: float = 24 * 3600) -> int:
        """Remove the sets that are neither in `keep` nor were installed or asked for lately; returns how many."""
        return await asyncio.to_thread(self._prune, {path.name for path in keep}, time.time() - unused_seconds)

    async def _installed(self, lines: Sequence[str], work: Path) -> Path:
        # An empty configuration of its own stops uv from taking that of a project around the root.
        (work / "uv.toml").touch()
        (work / "requirements.in").write_text("\n".join(lines) + "\n")
        quiet = ("--quiet", "--no-progress", "--color=never", f"--python={sys.executable}", "--only-binary=:all:")
        await self._run(
            work, "compile", *quiet, "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
            "--no-emit-find-links", "--output-file=lock.txt", "requirements.in",
        )  # fmt: skip
        folder = self._root / _set_name((work / "lock.txt").read_text())
        if await asyncio.to_thread(self._take, folder):
            return folder
        # No dependency is looked up again: the lock is complete, and a hash goes with every line.
        await self._run(
            work, "install", *quiet, "--require-hashes", "--no-deps", "--target=set", "--requirements=lock.txt"
        )
        await asyncio.to_thread(self._publish, work / "set", folder)
        return folder

    async def _run(self, work: Path, command: str, *options: str) -> None:
        """Run one `uv pip` command, once more where it crashes, which it does at times on a machine under load."""
        for last in (False, True):
            try:
                await self._try(work, command, *options)
            except _Crashed:
                if last:
                    raise
            else:
                return

    async def _try(self, work: Path, command: str, *options: str) -> None:
        """Run it once; whatever ends the wait also ends uv and all it started."""
        environment = _environment(os.environ, home=self._home, temporary=work)
        process = await asyncio.create_subprocess_exec(
            self._uv, "pip", command, *options, cwd=work, env=environment, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            self._limit_files(process.pid)
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode == -signal.SIGXFSZ:
            raise InstallFailed(f"a package has a file larger than the limit of {self._max_bytes} bytes")
        if process.returncode in _CRASHES:
            raise _Crashed(f"the installer ended with status {process.returncode}")
        if process.returncode:
            message = _cleaned(said.decode(errors="replace"), (work, self._root), environment)
            raise InstallFailed(message or f"the installer ended with status {process.returncode}")

    def _limit_files(self, pid: int) -> None:
        """Stop a wheel that unpacks to one huge file before it fills the disk, where the kernel can."""
        if sys.platform == "linux":
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (self._max_bytes, self._max_bytes))

    def _publish(self, made: Path, folder: Path) -> None:
        """Give a finished set its name, unless another install of the same set was faster."""
        (made / ".lock").unlink(missing_ok=True)
        for hook in made.glob("*.pth"):  # `site` would run these as code wherever this became a site folder
            hook.unlink()
        size = sum(path.lstat().st_size for path in made.rglob("*"))
        if size > self._max_bytes:
            raise InstallFailed(f"the packages take {size} bytes; the limit is {self._max_bytes}")
        with self._exclusively():
            if not folder.exists():
                made.rename(folder)
            os.utime(folder)

    def _take(self, folder: Path) -> bool:
        """Whether the set is there; if so it counts as used now, so that no pruning removes it."""
        with self._exclusively():
            if not folder.is_dir():
                return False
            os.utime(folder)
            return True

    def _prune(self, keep: Collection[str], before: float) -> int:
        removed = 0
        for folder in list(self._root.iterdir()):
            if not _SET_NAME.fullmatch(folder.name) or folder.name in keep:
                continue
            gone = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._root))
            with self._exclusively():
                if folder.exists() and folder.stat().st_mtime < before:
                    folder.rename(gone / "set")
                    removed += 1
            shutil.rmtree(gone, ignore_errors=True)
        return removed

    def _remove_abandoned(self) -> None:
        """Remove what a killed process left; an install that is under way elsewhere is younger."""
        before = time.time() - max(_ABANDONED_SECONDS, 2 * self._timeout_seconds)
        for folder in self._root.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(FileNotFoundError):
                if folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Hold the root against other threads and processes, for as long as a rename takes."""
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _set_name(lock: str) -> str:
    """The hash of everything that decides what is in the folder: the lock, and the platform that chose the wheels."""
    parts = [lock, sys.version, sys.implementation.cache_tag, sysconfig.get_platform()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _environment(ours: Mapping[str, str], *, home: Path, temporary: Path) -> dict[str, str]:
    """What the installer may know: where to install from, and nothing else of this process."""
    passed = {
        name: value
        for name, value in ours.items()
        if (name.startswith("UV_") and name not in _WITHHELD) or name in _PASSED or name.upper() in _PASSED_ANY_CASE
    }
    return {**passed, "HOME": str(home), "TMPDIR": str(temporary), "UV_PYTHON_DOWNLOADS": "never"}


def _cleaned(message: str, folders: Sequence[Path], environment: Mapping[str, str]) -> str:
    """The installer's message without credentials and without paths of this host, and of bounded size."""
    message = re.sub(r"(?<=://)[^/\s]*@", "", message)
    message = re.sub(r"(\w://[^\s?#`'\")]*)[?#][^\s`'\")]*", r"\1", message)
    for secret in sorted(_secrets(environment), key=len, reverse=True):
        message = message.replace(secret, "****")
    for folder in (*folders, sys.prefix, sys.base_prefix):
        message = message.replace(f"{folder}/", "")
    # Of any other absolute path the last part is left: it names the wheel or the package at fault.
    message = re.sub(r"(?:file://|(?<![\w./:]))(?:/[^\s/:`'\"()]+)*/([^\s/:`'\"()]*)", r"\1", message)
    message = "".join(character for character in message.strip() if character.isprintable() or character == "\n")
    return message.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")


def _secrets(environment: Mapping[str, str]) -> set[str]:
    """The credentials that the installer was given, as they were written and as they are meant."""
    found: set[str] = set()
    for name, value in environment.items():
        if name.endswith(("_PASSWORD", "_TOKEN")):
            found.add(value)
        for url in re.findall(r"\w+://[^\s,]+", value):
            with contextlib.suppress(ValueError):
                parts = urlsplit(url)
                found.add(parts.password or parts.username or "")  # a name alone can be a token
    found |= {unquote(secret) for secret in found}
    return {secret for secret in found if len(secret) >= 4}  # shorter ones would blot out ordinary words
