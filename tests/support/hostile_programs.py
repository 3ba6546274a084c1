"""The hostile programs: each returns "reached" where nothing stops it, and says what stops it in a sandbox."""

import platform
from dataclasses import dataclass, field

# Numbers of system calls that no libc wrapper need exist for: x86_64, aarch64.
_NUMBERS = {
    "keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "clone": (56, 220), "socket": (41, 198),
    "memfd_create": (319, 279), "personality": (135, 92), "process_vm_readv": (310, 270), "kcmp": (312, 272),
    "pivot_root": (155, 41), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "pidfd_open": (434, 434), "seccomp": (317, 277), "capset": (126, 91), "shmget": (29, 194),
}  # fmt: skip
SYSCALLS = {name: numbers[platform.machine() == "aarch64"] for name, numbers in _NUMBERS.items()}

PRELUDE = """
import ctypes, errno, fcntl, os, resource, signal, socket, stat, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value
def unshare_all(flags=0x10020000):
    libc.unshare(flags)  # what follows shows whether it worked
"""

NOT_THERE = ("FileNotFoundError",)
REFUSED = ("PermissionError",)
ABSENT_OR_REFUSED = (*NOT_THERE, *REFUSED, "OSError")


@dataclass(frozen=True)
class Program:
    """The body of `f(target)`, the failures that mean it was stopped, and where its control can work."""

    body: str
    stopped: tuple[str, ...]
    limits: dict[str, float] = field(default_factory=dict)
    control: str = "anyone"  # or "root", or "perhaps": kernels may be built or set to refuse everyone
    stdout_limit: int | None = None
    seconds: float = 5.0
    lasting: bool = False  # takes a second or more, inside or outside


PROGRAMS: dict[str, Program] = {
    "read the list of users": Program("assert 'root' in open('/etc/passwd').read()", NOT_THERE),
    "read the password hashes": Program("open('/etc/shadow').read()", NOT_THERE, control="root"),
    "read a file of the service's data": Program("assert open(t['secret']).read() == 'secret'", NOT_THERE),
    "read the service's source": Program("assert open(t['source']).read()", NOT_THERE),
    "list the service's data folder": Program("assert os.listdir(t['data'])", NOT_THERE),
    "read the service's environment variables": Program("assert os.environ['SERVICE_TOKEN']", ("KeyError",)),
    "import the service's packages": Program(
        "sys.path.append(t['packages']); import structlog", ("ModuleNotFoundError",)
    ),
    "connect to the internet's sockets": Program("socket.create_connection(('127.0.0.1', t['port']), 2)", REFUSED),
    "connect to a unix socket": Program("socket.socket(socket.AF_UNIX).connect(t['unix'])", REFUSED),
    "connect to an abstract socket": Program("socket.socket(socket.AF_UNIX).connect('\\0' + t['abstract'])", REFUSED),
    "open a netlink socket": Program("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0))", REFUSED),
    "open a socket by a raw call": Program("checked(libc.syscall(t['nr']['socket'], 2, 1, 0))", REFUSED),
    "send a datagram from a socket pair": Program(
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); a.sendto(b'x', '\\0' + t['datagram'])", REFUSED
    ),
    "fork": Program("p = os.fork()\n    if not p: os._exit(0)\n    os.waitpid(p, 0)", REFUSED),
    "fork a bomb": Program(
        "ps = []\n    for _ in range(t['forks']):\n        p = os.fork()\n        if not p: os._exit(0)\n"
        "        ps.append(p)\n    for p in ps: os.waitpid(p, 0)",
        REFUSED,
    ),
    "fork by a raw call": Program(
        "p = checked(libc.syscall(t['nr']['clone'], 17, 0, 0, 0, 0))\n    if not p: os._exit(0)\n    os.waitpid(p, 0)",
        REFUSED,
    ),
    "clone into a new user namespace": Program(
        "p = checked(libc.syscall(t['nr']['clone'], 0x10000000 | 17, 0, 0, 0, 0))\n"
        "    if not p: os._exit(0)\n    os.waitpid(p, 0)",
        REFUSED,
    ),
    "run another program": Program("os.execv(t['python'], [t['python'], '-c', 'print(\\'\"reached\"\\')'])", REFUSED),
    "spawn another program": Program(
        "os.waitpid(os.posix_spawn(t['python'], [t['python'], '-c', '0'], {}), 0)", REFUSED
    ),
    "start too many threads": Program(
        "go = threading.Event()\n    ts = [threading.Thread(target=go.wait, daemon=True) for _ in range(40)]\n"
        "    [x.start() for x in ts]; go.set()",
        ("RuntimeError",),
        {"threads": 16, "memory_bytes": 2 << 30},
    ),
    "take too much memory": Program(
        "keep = []\n    for _ in range(20): keep.append(bytearray(10 << 20))",
        ("MemoryError",),
        {"memory_bytes": 128 << 20},
    ),
    "map too much memory": Program(
        "import mmap; mmap.mmap(-1, 200 << 20)", ("OSError", "MemoryError"), {"memory_bytes": 128 << 20}
    ),
    "fill the disk": Program(
        "for i in range(6): open(f\"{t['folder']}/{i}\", 'wb').write(bytes(2 << 20))",
        ("OSError",),
        {"disk_bytes": 8 << 20},
    ),
    "write one huge file": Program(
        "open(t['folder'] + '/huge', 'wb').write(bytes(12 << 20))", ("OSError",), {"disk_bytes": 8 << 20}
    ),
    "fill the inodes": Program("for i in range(300): open(f\"{t['folder']}/{i}\", 'w')", ("OSError",), {"inodes": 200}),
    "use up the descriptors": Program("keep = [open('/dev/null') for _ in range(100)]", ("OSError",)),
    "flood the output": Program(
        "sys.stdout.write('x' * 600_000 + '\\n'); sys.stdout.flush()", (), {"output_bytes": 1000}, stdout_limit=1100
    ),
    "loop": Program(
        "end = time.process_time() + 1.5\n    while time.process_time() < end: pass",
        ("TimeoutError",),
        {"cpu_seconds": 1},
        lasting=True,
    ),
    "sleep": Program("time.sleep(1.2)", ("TimeoutError",), {"wall_seconds": 0.4}, seconds=1.1, lasting=True),
    "ignore the request to end": Program(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pthread_sigmask(0, {15, 1, 2}); time.sleep(1.2)",
        ("TimeoutError",),
        {"wall_seconds": 0.4},
        seconds=1.1,
        lasting=True,
    ),
    "leave threads and exit handlers behind": Program(
        "import atexit; atexit.register(time.sleep, 1); threading.Thread(target=time.sleep, args=(1,)).start()",
        (),
        seconds=0.9,
        lasting=True,
    ),
    # Signal 0 only asks whether a signal could be sent.
    "signal every process": Program("os.kill(-1, 0)", REFUSED),
    "signal the parent": Program("os.kill(os.getppid(), 0)", REFUSED),
    "signal another process": Program("os.kill(t['victim'], signal.SIGCONT)", (*REFUSED, "ProcessLookupError")),
    "open a handle on another process": Program(
        "checked(libc.syscall(t['nr']['pidfd_open'], t['victim'], 0))", REFUSED
    ),
    "trace": Program("checked(libc.ptrace(0, 0, 0, 0))", REFUSED),
    "read another process's memory": Program(
        "b = ctypes.create_string_buffer(8); v = (ctypes.c_ulong * 2)(ctypes.addressof(b), 8)\n"
        "    checked(libc.syscall(t['nr']['process_vm_readv'], os.getpid(), v, 1, v, 1, ctypes.c_ulong(0)))",
        REFUSED,
    ),
    "compare processes": Program(
        "checked(libc.syscall(t['nr']['kcmp'], os.getpid(), os.getpid(), 1, 0, 0))", REFUSED, control="perhaps"
    ),
    "open its own memory": Program("open('/proc/self/mem', 'rb+', 0)", NOT_THERE),
    "read the parent's environment": Program(
        "assert b'SERVICE_TOKEN' in open(f'/proc/{os.getppid()}/environ', 'rb').read()", NOT_THERE
    ),
    "list the processes": Program("assert os.listdir('/proc')", NOT_THERE),
    "change a kernel setting": Program(
        "os.close(os.open('/proc/sys/vm/swappiness', os.O_WRONLY))", NOT_THERE, control="root"
    ),
    "reach a keyring": Program("checked(libc.syscall(t['nr']['keyctl'], 0, -2, 1))", REFUSED),
    "add a key": Program(
        "checked(libc.syscall(t['nr']['add_key'], b'user', b'name', b'x', ctypes.c_size_t(1), -2))", REFUSED
    ),
    "follow a link out": Program(
        "os.symlink(t['secret'], t['folder'] + '/link'); open(t['folder'] + '/link').read()", NOT_THERE
    ),
    "climb out by relative paths": Program(
        "assert open(t['folder'] + '/' + '../' * 20 + t['secret'][1:]).read() == 'secret'", NOT_THERE
    ),
    "hard-link a secret": Program("os.link(t['secret'], t['folder'] + '/hard')", (*NOT_THERE, "OSError")),
    "unshare namespaces": Program("checked(libc.unshare(0x10000000))", REFUSED),
    "mount": Program("unshare_all(); checked(libc.mount(b't', t['folder'].encode(), b'tmpfs', 0, None))", REFUSED),
    "unmount": Program(
        "unshare_all(); libc.mount(b't', t['folder'].encode(), b'tmpfs', 0, None)\n"
        "    checked(libc.umount2(t['folder'].encode(), 2))",
        REFUSED,
    ),
    "change the root": Program("unshare_all(); os.chroot(t['folder'])", REFUSED),
    "pivot the root": Program(
        "unshare_all(); d = t['folder'].encode(); libc.mount(b't', d, b'tmpfs', 0, None); os.chdir(d)\n"
        "    checked(libc.syscall(t['nr']['pivot_root'], b'.', b'.'))",
        REFUSED,
    ),
    "join a namespace": Program(
        "unshare_all(0x14000000)\n"
        "    d = os.open('/proc/self/ns/uts', 0) if os.path.exists('/proc/self') else os.open(t['folder'], 0)\n"
        "    checked(libc.setns(d, 0))",
        REFUSED,
    ),
    "rename the host": Program("unshare_all(0x14000000); socket.sethostname('mine')", REFUSED),
    "open a file by handle": Program(
        "h = ctypes.create_string_buffer(struct.pack('=II', 128, 0) + bytes(128)); m = ctypes.c_int()\n"
        "    libc.syscall(t['nr']['name_to_handle_at'], -100, t['folder'].encode(), h, ctypes.byref(m), 0)\n"
        "    d = os.open(t['folder'], 0); checked(libc.syscall(t['nr']['open_by_handle_at'], d, h, 0))",
        REFUSED,
        control="root",
    ),
    "set up an io_uring": Program(
        "p = ctypes.create_string_buffer(120); checked(libc.syscall(t['nr']['io_uring_setup'], 4, p))",
        REFUSED,
        control="perhaps",
    ),
    "load a kernel map": Program(
        "a = ctypes.create_string_buffer(struct.pack('=IIII', 2, 4, 4, 1) + bytes(112))\n"
        "    checked(libc.syscall(t['nr']['bpf'], 0, a, 128))",
        REFUSED,
        control="perhaps",
    ),
    "measure the machine": Program(
        "a = ctypes.create_string_buffer(struct.pack('=IIQ', 1, 112, 0) + bytes(24) + struct.pack('=Q', 0x60) + bytes(64))\n"
        "    checked(libc.syscall(t['nr']['perf_event_open'], a, 0, -1, -1, 0))",
        REFUSED,
        control="perhaps",
    ),
    "handle page faults": Program("checked(libc.syscall(t['nr']['userfaultfd'], 1))", REFUSED, control="perhaps"),
    "make a nameless file": Program("checked(libc.syscall(t['nr']['memfd_create'], b'x', 0))", REFUSED),
    "share memory": Program("checked(libc.syscall(t['nr']['shmget'], 0, ctypes.c_size_t(4096), 0o1600))", REFUSED),
    "change personality": Program("checked(libc.syscall(t['nr']['personality'], 0xFFFFFFFF))", REFUSED),
    "change a system file": Program("open(t['writable'], 'a').write('#')", ABSENT_OR_REFUSED),
    "write beside the standard library": Program("open(t['writable'] + '.new', 'w').write('#')", ABSENT_OR_REFUSED),
    "write to the top folder": Program("open(t['top'] + '/new', 'w').write('#')", ABSENT_OR_REFUSED),
    "replace the standard library": Program("os.rename(t['writable'], t['folder'] + '/mine')", ABSENT_OR_REFUSED),
    "become another user": Program("os.setuid(os.getuid())", REFUSED),
    "take capabilities": Program(
        "checked(libc.syscall(t['nr']['capset'], struct.pack('=Ii', 0x20080522, 0), bytes(24)))", REFUSED
    ),
    "make a device": Program("os.mknod(t['folder'] + '/device', stat.S_IFCHR | 0o600, 0x101)", REFUSED, control="root"),
    "make a named pipe": Program("os.mknod(t['folder'] + '/pipe', stat.S_IFIFO | 0o600)", REFUSED),
    "change priority": Program("os.nice(1)", REFUSED),
    "choose a processor": Program("os.sched_setaffinity(0, os.sched_getaffinity(0))", REFUSED),
    "change a limit": Program(
        "resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))",
        ("ValueError", *REFUSED),
    ),
    "outlive the parent": Program("checked(libc.prctl(1, 0, 0, 0, 0))", REFUSED),
    "type into a terminal": Program(
        "import pty; m, s = pty.openpty(); fcntl.ioctl(m, 0x80045430, bytes(4))", ABSENT_OR_REFUSED
    ),
    "change the system call filter": Program(
        "libc.prctl(38, 1, 0, 0, 0); p = struct.pack('=HBBI', 6, 0, 0, 0x7FFF0000); b = ctypes.create_string_buffer(p)\n"
        "    checked(libc.syscall(t['nr']['seccomp'], 1, 0, struct.pack('=HxxxxxxQ', 1, ctypes.addressof(b))))",
        REFUSED,
    ),
    "forge a huge result": Program(
        "n = 0\n    for d in range(3, 64):\n        try: n += os.write(d, b'\\xff' * 64)\n        except OSError: pass\n"
        "    assert n; time.sleep(0.2)",
        ("OutputTooLarge",),
    ),
    "forge a result that is not JSON": Program(
        "n = 0\n    for d in range(3, 64):\n        try: n += os.write(d, b'\\0\\0\\0\\5hello')\n        except OSError: pass\n"
        "    assert n; time.sleep(0.2)",
        ("ProtocolError",),
    ),
    "close every pipe": Program("os.closerange(3, 64)", ("ProcessExited", "ProtocolError")),
}
