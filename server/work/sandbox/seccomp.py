"""The system calls a sandbox may make, and their assembly into a seccomp filter (classic BPF)."""

import errno
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# name, number on x86_64, number on aarch64 ("-" where the architecture has no such call). All harmless whatever
# their arguments: they reach only the process itself and the files that the mounts leave visible.
_ALLOWED = """
read 0 63 | write 1 64 | open 2 - | close 3 57 | stat 4 - | fstat 5 80 | lstat 6 - | poll 7 - | lseek 8 62
mmap 9 222 | mprotect 10 226 | munmap 11 215 | brk 12 214 | rt_sigaction 13 134 | rt_sigprocmask 14 135
rt_sigreturn 15 139 | pread64 17 67 | pwrite64 18 68 | readv 19 65 | writev 20 66 | access 21 - | pipe 22 -
select 23 - | sched_yield 24 124 | mremap 25 216 | msync 26 227 | mincore 27 232 | madvise 28 233 | dup 32 23
dup2 33 - | pause 34 - | nanosleep 35 101 | getitimer 36 102 | alarm 37 - | setitimer 38 103 | getpid 39 172
sendfile 40 71 | recvfrom 45 207 | shutdown 48 210 | getsockname 51 204 | getpeername 52 205 | getsockopt 55 209
exit 60 93 | wait4 61 260 | uname 63 160 | flock 73 32 | fsync 74 82 | fdatasync 75 83 | truncate 76 45
ftruncate 77 46 | getdents 78 - | getcwd 79 17 | chdir 80 49 | fchdir 81 50 | rename 82 - | mkdir 83 - | rmdir 84 -
creat 85 - | link 86 - | unlink 87 - | symlink 88 - | readlink 89 - | chmod 90 - | fchmod 91 52 | umask 95 166
gettimeofday 96 169 | getrlimit 97 163 | getrusage 98 165 | sysinfo 99 179 | times 100 153 | getuid 102 174
getgid 104 176 | geteuid 107 175 | getegid 108 177 | getppid 110 173 | getpgrp 111 - | getgroups 115 158
getresuid 118 148 | getresgid 120 150 | getpgid 121 155 | getsid 124 156 | rt_sigpending 127 136
rt_sigtimedwait 128 137 | rt_sigsuspend 130 133 | sigaltstack 131 132 | utime 132 - | statfs 137 43 | fstatfs 138 44
getpriority 140 141 | sched_getparam 143 121 | sched_getscheduler 145 120 | sched_get_priority_max 146 125
sched_get_priority_min 147 126 | gettid 186 178 | time 201 - | futex 202 98 | sched_getaffinity 204 123
epoll_create 213 - | getdents64 217 61 | restart_syscall 219 128 | fadvise64 221 223 | clock_gettime 228 113
clock_getres 229 114 | clock_nanosleep 230 115 | exit_group 231 94 | epoll_wait 232 - | epoll_ctl 233 21
utimes 235 - | openat 257 56 | mkdirat 258 34 | futimesat 261 - | newfstatat 262 79 | unlinkat 263 35
renameat 264 38 | linkat 265 37 | symlinkat 266 36 | readlinkat 267 78 | fchmodat 268 53 | faccessat 269 48
pselect6 270 72 | ppoll 271 73 | set_robust_list 273 99 | utimensat 280 88 | epoll_pwait 281 22 | fallocate 285 47
eventfd2 290 19 | epoll_create1 291 20 | dup3 292 24 | pipe2 293 59 | preadv 295 69 | pwritev 296 70
getcpu 309 168 | renameat2 316 276 | getrandom 318 278 | membarrier 324 283 | copy_file_range 326 285
statx 332 291 | rseq 334 293 | close_range 436 436 | faccessat2 439 439 | epoll_pwait2 441 441 | fchmodat2 452 452
"""

# Refused with an error that programs take as "not supported here" and work around: glibc tries clone3 before clone,
# shutil copies extended attributes where it can.
_UNSUPPORTED = {
    errno.ENOSYS: "clone3 435 435",
    errno.EOPNOTSUPP: """
setxattr 188 5 | lsetxattr 189 6 | fsetxattr 190 7 | getxattr 191 8 | lgetxattr 192 9 | fgetxattr 193 10
listxattr 194 11 | llistxattr 195 12 | flistxattr 196 13
""",
}

# Calls newer than this are answered ENOSYS, so that a future libc falls back instead of failing.
_NEWEST_KNOWN = 462


@dataclass(frozen=True, slots=True)
class _Test:
    """One condition on an argument: (argument & mask) is one of the values."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFFFFFFFFFF


# pthread_create's flags and nothing else, bar CLONE_DETACHED, which musl adds: a new thread, never a new process.
_THREAD_FLAGS, _CLONE_DETACHED = 0x3D0F00, 0x00400000
_OWN_PID = 2  # after bubblewrap, which is the first of the namespace
_WORD = 0xFFFFFFFF

_CONDITIONAL: dict[str, tuple[_Test, ...]] = {
    "clone 56 220": (_Test(0, (_THREAD_FLAGS,), _WORD & ~_CLONE_DETACHED),),
    # FIONCLEX, FIOCLEX, FIONBIO, FIONREAD, TCGETS and TIOCGWINSZ: what opening files and sockets asks.
    "ioctl 16 29": (_Test(1, (0x5450, 0x5451, 0x5421, 0x541B, 0x5401, 0x5413), _WORD),),
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_DUPFD_CLOEXEC; no larger pipes, no
    # signals on readiness.
    "fcntl 72 25": (_Test(1, (0, 1, 2, 3, 4, 5, 6, 7, 1030), _WORD),),
    # PR_SET_NAME, PR_GET_NAME; nothing that would detach the process from its parent's death.
    "prctl 157 167": (_Test(0, (15, 16), _WORD),),
    "kill 62 129": (_Test(0, (_OWN_PID,), _WORD),),
    "tgkill 234 131": (_Test(0, (_OWN_PID,), _WORD),),
    # Reading limits, never setting them.
    "prlimit64 302 261": (_Test(0, (0, _OWN_PID), _WORD), _Test(2, (0,))),
    # asyncio wakes its loop by a pair of connected sockets: no address is ever named, so nothing else is reachable.
    "socketpair 53 199": (_Test(0, (1,), _WORD), _Test(1, (1,), 0xFF)),
    "sendto 44 206": (_Test(4, (0,)),),
}

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _AND, _RETURN = 0x20, 0x15, 0x25, 0x54, 0x06
_RETURN_ALLOW, _RETURN_ERRNO, _RETURN_KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_X32_BIT = 0x40000000

# machine: (AUDIT_ARCH_*, column of the tables above)
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


def supported(machine: str | None = None) -> bool:
    """Whether the tables hold the numbers of this machine's system calls."""
    return (machine or platform.machine()) in _MACHINES


def assemble(machine: str | None = None) -> bytes:
    """The filter as an array of `struct sock_filter`, for the machine given or this one."""
    architecture, column = _MACHINES[machine or platform.machine()]
    program = [
        _op(_LOAD, _ARCHITECTURE_OFFSET),
        _op(_JUMP_EQUAL, architecture, 1, 0),
        _op(_RETURN, _RETURN_KILL),
        _op(_LOAD, _NUMBER_OFFSET),
        # x32 calls carry a bit in their number, which also makes them newer than the newest known.
        _op(_JUMP_GREATER, _X32_BIT - 1, 0, 1),
        _op(_RETURN, _RETURN_ERRNO | errno.EPERM),
        _op(_JUMP_GREATER, _NEWEST_KNOWN, 0, 1),
        _op(_RETURN, _RETURN_ERRNO | errno.ENOSYS),
    ]
    for number in _numbers(_ALLOWED, column):
        program += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _RETURN_ALLOW)]
    for code, table in _UNSUPPORTED.items():
        for number in _numbers(table, column):
            program += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _RETURN_ERRNO | code)]
    for call, tests in _CONDITIONAL.items():
        for number in _numbers(call, column):
            block = _conditional(tests)
            program += [_op(_JUMP_EQUAL, number, 0, len(block)), *block]
    program.append(_op(_RETURN, _RETURN_ERRNO | errno.EPERM))
    return b"".join(program)


def _numbers(table: str, column: int) -> Iterator[int]:
    for entry in table.replace("\n", "|").split("|"):
        fields = entry.split()
        if fields and fields[column + 1] != "-":
            yield int(fields[column + 1])


def _conditional(tests: tuple[_Test, ...]) -> list[bytes]:
    """Allow when every test holds, refuse otherwise."""
    block = [_op(_RETURN, _RETURN_ALLOW)]
    for test in reversed(tests):
        # Arguments are 64 bits wide and loaded by halves; the high half counts only where the mask reaches it.
        low = _half(test.argument, 0, test.mask & _WORD, [value & _WORD for value in test.values])
        high = _half(test.argument, 4, test.mask >> 32, [0]) if test.mask >> 32 else []
        block = [*high, *low, *block]
    return block


def _half(argument: int, offset: int, mask: int, values: list[int]) -> list[bytes]:
    """Fall through when half of an argument is one of the values, return a refusal when it is none."""
    compare = []
    for left, value in zip(range(len(values), 0, -1), values, strict=True):
        compare.append(_op(_JUMP_EQUAL, value, left, 0))
    return [
        _op(_LOAD, _ARGUMENTS_OFFSET + 8 * argument + offset),
        _op(_AND, mask),
        *compare,
        _op(_RETURN, _RETURN_ERRNO | errno.EPERM),
    ]


def _op(code: int, operand: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, operand)
