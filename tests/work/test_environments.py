"""Requirement sets, installed for real from wheels that the tests build, without a network."""

import asyncio
import base64
import contextlib
import hashlib
import io
import os
import socket
import socketserver
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from server.core.agents.requirements import RequirementError, check_requirements
from server.work.environments import Environments, InstallFailed


def build_wheel(
    folder: Path, name: str, files: Mapping[str, str], version: str = "1.0", needs: Sequence[str] = ()
) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    everything = {
        **files,
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={digest(text)},{len(text.encode())}" for path, text in everything.items()]
    everything[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in everything.items():
            archive.writestr(path, text)


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def installed(environments: Environments, *requirements: str) -> Path:
    folder = asyncio.run(environments.install(requirements))
    assert folder is not None
    return folder


def failure(environments: Environments, *requirements: str) -> str:
    with pytest.raises(InstallFailed) as caught:
        asyncio.run(environments.install(requirements))
    return str(caught.value)


def run_with(folder: Path, code: str) -> str:
    script = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"
    command = [sys.executable, "-I", "-S", "-B", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def sets(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.name != ".installer")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sets"


@pytest.fixture
def environments(root: Path, wheels: Path) -> Environments:
    return Environments(root, timeout_seconds=60)


class SilentIndex(socketserver.ThreadingTCPServer):
    """An index that takes every request and answers none."""

    daemon_threads = True

    def __init__(self) -> None:
        self.reached, self.left = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), Silence)


class Silence(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, SilentIndex)
        self.server.reached.set()
        with contextlib.suppress(ConnectionError):
            while self.request.recv(65536):
                pass
        self.server.left.set()


@pytest.fixture
def silent_index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentIndex]:
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with SilentIndex() as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{index.server_address[1]}/simple")
        yield index
        index.shutdown()


def test_a_set_is_installed_with_its_dependencies_and_can_be_imported(wheels: Path, environments: Environments) -> None:
    build_wheel(wheels, "top", {"top.py": "import tiny\nvalue = tiny.value + 1\n"}, needs=["tiny"])
    build_wheel(wheels, "tiny", {"tiny/__init__.py": "value = 41\n"})
    folder = installed(environments, "Top >= 1")
    assert run_with(folder, "import top; print(top.value)") == "42"
    assert folder.stat().st_mode & 0o777 == 0o755
    assert sets(folder.parent) == [folder.name]


def test_no_requirements_need_no_folder(environments: Environments, root: Path) -> None:
    assert asyncio.run(environments.install([])) is None
    assert sets(root) == []


def test_the_second_install_of_a_set_takes_the_first_one(wheels: Path, environments: Environments) -> None:
    build_wheel(wheels, "tiny", {"tiny.py": "value = 1\n"})
    first = installed(environments, "tiny")
    inode = (first / "tiny.py").stat().st_ino
    assert installed(environments, "TINY>=1.0") == first
    assert (first / "tiny.py").stat().st_ino == inode


def test_an_unpinned_requirement_gets_a_newer_version_at_the_next_install(
    wheels: Path, environments: Environments
) -> None:
    build_wheel(wheels, "tiny", {"tiny.py": "value = 1\n"})
    old = installed(environments, "tiny")
    build_wheel(wheels, "tiny", {"tiny.py": "value = 2\n"}, version="1.1")
    new = installed(environments, "tiny")
    assert new != old
    assert run_with(new, "import tiny; print(tiny.value)") == "2"
    assert run_with(old, "import tiny; print(tiny.value)") == "1"


def test_an_unknown_package_fails_with_its_name_and_leaves_nothing(environments: Environments, root: Path) -> None:
    assert "nowhere-to-be-found" in failure(environments, "nowhere-to-be-found")
    assert sets(root) == []


def test_a_conflict_fails_with_what_conflicts(wheels: Path, environments: Environments) -> None:
    build_wheel(wheels, "top", {"top.py": ""}, needs=["tiny>=2"])
    build_wheel(wheels, "tiny", {"tiny.py": ""})
    build_wheel(wheels, "tiny", {"tiny.py": ""}, version="2.0")
    message = failure(environments, "top", "tiny==1.0")
    assert "top" in message and "tiny>=2" in message and "tiny==1.0" in message


def test_a_package_without_a_wheel_is_refused_and_its_build_never_runs(
    wheels: Path, environments: Environments, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    sources = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: sourced\nVersion: 1.0\n",
        "setup.py": f"open({str(ran)!r}, 'w')",
    }
    with tarfile.open(wheels / "sourced-1.0.tar.gz", "w:gz") as archive:
        for name, text in sources.items():
            member = tarfile.TarInfo(f"sourced-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    message = failure(environments, "sourced")
    assert "sourced" in message and "wheel" in message
    assert not ran.exists()


def test_no_code_of_a_package_runs_during_its_install(wheels: Path, environments: Environments, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    touch = f"import pathlib; pathlib.Path({str(ran)!r}).touch()\n"
    build_wheel(wheels, "evil", {"evil.pth": touch, "sitecustomize.py": touch, "evil/__init__.py": touch})
    folder = installed(environments, "evil")
    installed(environments, "evil")
    assert not ran.exists()
    assert list(folder.glob("*.pth")) == []
    run_with(folder, f"import site; site.addsitedir({str(folder)!r})")
    assert not ran.exists()


def test_files_of_a_wheel_never_land_outside_of_its_folder(
    wheels: Path, environments: Environments, tmp_path: Path
) -> None:
    absolute = tmp_path / "escaped-absolute.py"
    outside = {
        "../escaped.py": "",
        "../../../../escaped.py": "",
        str(absolute): "",
        "climber-1.0.data/data/../../escaped.py": "",
        "climber-1.0.data/headers/../../../escaped.py": "",
        "climber.py": "",
    }
    build_wheel(wheels, "climber", outside)
    folder = installed(environments, "climber")
    assert (folder / "climber.py").exists()
    for path in tmp_path.rglob("escaped*"):  # a name that climbs within its wheel stays in the wheel
        assert path.parent == folder or path.parent.parent.name.startswith("archive-")
    assert not absolute.exists()


def test_a_script_name_that_climbs_out_is_refused(wheels: Path, environments: Environments, tmp_path: Path) -> None:
    points = "[console_scripts]\n../../../escaped = climber:main\n"
    build_wheel(wheels, "climber", {"climber.py": "", "climber-1.0.dist-info/entry_points.txt": points})
    assert "climber" in failure(environments, "climber")
    assert list(tmp_path.rglob("escaped*")) == []


def test_a_link_in_a_wheel_leads_nowhere(wheels: Path, environments: Environments, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    build_wheel(wheels, "linked", {"linked.py": ""})
    with zipfile.ZipFile(wheels / "linked-1.0-py3-none-any.whl", "a") as archive:
        link = zipfile.ZipInfo("door")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, str(target))
        archive.writestr("door/inside.py", "")
    with contextlib.suppress(InstallFailed):
        asyncio.run(environments.install(["linked"]))
    assert list(target.iterdir()) == []


def test_an_install_that_takes_too_long_is_ended_with_its_process(
    silent_index: SilentIndex, root: Path, wheels: Path
) -> None:
    message = failure(Environments(root, timeout_seconds=1), "tiny")
    assert message == "installing took longer than 1 seconds"
    assert silent_index.reached.is_set() and silent_index.left.wait(30)
    assert sets(root) == []


def test_cancelling_an_install_ends_its_process_and_removes_what_it_made(
    silent_index: SilentIndex, environments: Environments, root: Path
) -> None:
    async def cancelled() -> None:
        install = asyncio.create_task(environments.install(["tiny"]))
        assert await asyncio.to_thread(silent_index.reached.wait, 30)
        install.cancel()
        with pytest.raises(asyncio.CancelledError):
            await install

    asyncio.run(cancelled())
    assert silent_index.left.wait(30)
    assert sets(root) == []


def test_concurrent_installs_of_one_set_share_it_within_a_process_and_between_two(
    wheels: Path, root: Path, environments: Environments
) -> None:
    build_wheel(wheels, "tiny", {f"tiny/part{number}.py": f"value = {number}\n" for number in range(200)})
    code = (
        "import asyncio, pathlib, sys; from server.work.environments import Environments; "
        "print(asyncio.run(Environments(pathlib.Path(sys.argv[1])).install(['tiny'])))"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)

    async def together() -> set[Path | None]:
        here = [environments, Environments(root), Environments(root)]
        return set(await asyncio.gather(*(each.install(["tiny"]) for each in here)))

    folders = asyncio.run(together())
    printed, _ = other.communicate(timeout=60)
    assert {str(folder) for folder in folders} == {printed.strip()}
    assert sets(root) == [Path(printed.strip()).name]
    assert len(list(Path(printed.strip()).glob("tiny/*.py"))) == 200


def test_packages_over_the_limit_are_refused(wheels: Path, root: Path) -> None:
    build_wheel(wheels, "many", {f"many/part{number}.txt": "x" * 1000 for number in range(100)})
    message = failure(Environments(root, max_bytes=50_000), "many")
    assert message.startswith("the packages take ") and message.endswith(" bytes; the limit is 50000")
    assert sets(root) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of one file is the kernel's")
def test_one_huge_file_is_stopped_while_it_is_unpacked(wheels: Path, root: Path) -> None:
    build_wheel(wheels, "bomb", {"bomb.txt": "0" * 20_000_000})
    message = failure(Environments(root, max_bytes=1_000_000), "bomb")
    assert message == "a package has a file larger than the limit of 1000000 bytes"
    assert max(path.lstat().st_size for path in root.rglob("*")) <= 1_000_000


def test_credentials_of_an_index_are_never_in_the_message(
    wheels: Path, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        address = f"127.0.0.1:{reserved.getsockname()[1]}/simple"
        monkeypatch.delenv("UV_OFFLINE")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for credentials in ("deployer:tops3cret%21", "t0k3n-alone"):
            monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{credentials}@{address}")
            message = failure(environments, "tiny")
            assert "tiny" in message
            assert "s3cret" not in message and "t0k3n" not in message


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("http://u:pass.w0rd@pypi.test/simple/x?key=k3y#part", "http://pypi.test/simple/x"),
        ("cannot open /srv/data/x/thing-1.0.whl: denied", "cannot open thing-1.0.whl: denied"),
        ("see file:///srv/data/thing.whl", "see thing.whl"),
        ("sent pass.w0rd twice", "sent **** twice"),
        ("sent env-t0ken", "sent ****"),
        ("\x1b[31mred", "[31mred"),
        ("tiny>=1,<2 or a/b is not c", "tiny>=1,<2 or a/b is not c"),
    ],
)
def test_what_the_installer_says_is_shown_without_secrets_and_paths(
    said: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "http://u:pass.w0rd@pypi.test/simple")
    monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", "env-t0ken")
    assert failure(talking_installer(tmp_path, f"cat >&2 <<'END'\n{said}\nEND"), "tiny") == shown


def talking_installer(tmp_path: Path, script: str) -> Environments:
    """Environments whose installer only runs a script and fails."""
    program = tmp_path / "installer"
    program.write_text(f"#!/bin/sh\n{script}\nexit 3\n")
    program.chmod(0o755)
    return Environments(tmp_path / "sets", uv=str(program))


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    message = failure(talking_installer(tmp_path, 'printf "%09999d" 1 >&2'), "tiny")
    assert len(message) == 4096


def test_a_silent_failure_has_a_message_too(tmp_path: Path) -> None:
    assert failure(talking_installer(tmp_path, ""), "tiny") == "the installer ended with status 3"


def test_the_installer_gets_its_own_settings_and_nothing_else_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres-of-ours")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "77")
    monkeypatch.setenv("https_proxy", "proxy.test")
    monkeypatch.setenv("UV_NO_VERIFY_HASHES", "1")
    names = failure(talking_installer(tmp_path, "env | cut -d= -f1 >&2"), "tiny").splitlines()
    assert {"UV_HTTP_TIMEOUT", "https_proxy", "HOME", "PATH"} <= set(names)
    assert {"DATABASE_URL", "UV_NO_VERIFY_HASHES", "PYTHONPATH"}.isdisjoint(names)


def test_the_configuration_of_a_project_around_the_root_is_not_read(
    wheels: Path, environments: Environments, tmp_path: Path
) -> None:
    (tmp_path / "uv.toml").write_text("this is no configuration [")
    build_wheel(wheels, "tiny", {"tiny.py": ""})
    assert (installed(environments, "tiny") / "tiny.py").exists()


def test_a_start_removes_what_a_killed_process_left_and_not_what_is_under_way(root: Path) -> None:
    for name, age in (("left", 2 * 3600), ("young", 60)):
        folder = root / f".unfinished-{name}"
        (folder / "set").mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    Environments(root)
    assert sets(root) == [".unfinished-young"]


def test_pruning_removes_the_sets_that_nobody_keeps_or_used_lately(wheels: Path, environments: Environments) -> None:
    folders = []
    for name in ("kept", "recent", "stale", "asked"):
        build_wheel(wheels, name, {f"{name}.py": ""})
        folders.append(installed(environments, name))
    kept, recent, stale, asked = folders
    for folder in (kept, stale, asked):
        os.utime(folder, (time.time() - 7200,) * 2)
    assert installed(environments, "asked") == asked
    assert asyncio.run(environments.prune([kept], unused_seconds=3600)) == 1
    assert sets(kept.parent) == sorted(folder.name for folder in (kept, recent, asked))
    assert installed(environments, "stale") == stale


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("requests", "requests"),
        ("  Flask_Login == 1.0 ", "flask-login==1.0"),
        ("Uvicorn[Standard,http2] >=0.30, <1", "uvicorn[http2,standard]<1,>=0.30"),
        ("name (>=1.0)", "name>=1.0"),
        ("torch~=2.1", "torch~=2.1"),
        ("a==1!2.0.*", "a==1!2.0.*"),
        ("a!=1.0+local.1", "a!=1.0+local.1"),
        ("a==1  # why\r\n", "a==1"),
    ],
)
def test_a_package_and_its_versions_get_one_spelling(line: str, normal: str) -> None:
    assert check_requirements([line]) == (normal,)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("-r other.txt", "options"),
        ("--index-url=x", "options"),
        ("-e .", "options"),
        ("a --hash=sha256:00", "character"),
        ("a @ https://host.test/a.whl", "addresses"),
        ("git+https://host.test/a", "addresses"),
        ("file:///etc/passwd", "addresses"),
        ("./a", "paths"),
        ("..", "paths"),
        ("/etc/a.whl", "paths"),
        ("c:\\a", "paths"),
        ("a.whl b", "not a package"),
        ("a; python_version > '3'", "markers"),
        ("a==${SECRET}", "variables"),
        ("a\n--index-url=x", "character"),
        ("a # why\n--index-url=x", "character"),
        ("a\0", "character"),
        ("a\\\nb", "paths"),
        ("a#comment", "character"),
        ("a==1 'x'", "character"),
        ("ａ", "character"),
        ("a==\u0661", "character"),
        ("\ud800", "character"),
        ("a==", "not a package"),
        ("a>=one", "not a package"),
        ("a" * 201, "longer"),
    ],
)
def test_anything_more_than_a_package_and_its_versions_is_refused_with_its_place(line: str, word: str) -> None:
    with pytest.raises(RequirementError) as caught:
        check_requirements(["fine", line])
    assert caught.value.index == 1
    assert caught.value.requirement == line[:200]
    assert word in caught.value.issue


def test_one_package_is_required_once_and_a_hundred_at_most() -> None:
    with pytest.raises(RequirementError, match="requirement 3: a-b is required twice"):
        check_requirements(["a_b", "c", "A.B>=1"])
    assert len(check_requirements(["# why", *(f"name{number}" for number in range(99))])) == 99
    with pytest.raises(RequirementError, match="at most 100") as caught:
        check_requirements([f"name{number}" for number in range(101)])
    assert caught.value.index == 100
