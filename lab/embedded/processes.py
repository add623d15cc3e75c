"""Processes that outlive the command that started them: how they are started, recognised, measured and ended.

A pid alone says nothing, since the kernel gives it to somebody else later. A `Record` therefore keeps the boot and the process's start
time in clock ticks as well, and nothing is ever signalled unless all three agree.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")

# Set on developers' and CI machines; each would change or slow what we start (uncompiled NetBox boots take 7 s longer,
# a foreign CA bundle overrides verify=False, TEMPORAL_ and PG variables redirect their programs).
UNWANTED = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "VIRTUAL_ENV",
)
UNWANTED_PREFIXES = ("TEMPORAL_", "PG", "NETBOX_", "DJANGO_", "GUNICORN_", "UV_")

# Ours, for the life of this process: without waiting for them they would stay zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Record:
    """One started process, as kept in its pid file. `spec` is the digest of what was asked for, `started_at` the wall time."""

    pid: int
    boot_id: str
    start_ticks: int
    started_at: float
    spec: str
    command: list[str]

    def write(self, file: Path) -> None:
        """Atomically: a reader sees a whole record or none."""
        temporary = file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(file)

    @staticmethod
    def read(file: Path) -> "Record | None":
        """None where there is no record, or one that a crash left unreadable."""
        try:
            return Record(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Listener:
    pid: int
    command: str


@dataclass(frozen=True)
class Memory:
    """Resident sizes in bytes; `pss` shares pages fairly between the processes that map them, so that sums are true."""

    rss: int
    pss: int


def clean_environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would change a service's behaviour, plus the service's own variables."""
    kept = {k: v for k, v in os.environ.items() if k not in UNWANTED and not k.startswith(UNWANTED_PREFIXES)}
    return kept | dict(own)


def start(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, spec: str) -> Record:
    """Starts the command in a session of its own, so that neither Ctrl-C nor the end of this process reaches it."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,  # databases and logs are nobody else's to read
        )
    _children[child.pid] = child
    return Record(child.pid, _boot_id(), _start_ticks(child.pid) or 0, time.time(), spec, list(command))


def record_of(pid: int, spec: str) -> Record:
    """The record of a living process that somebody else started, or of this one."""
    return Record(pid, _boot_id(), _start_ticks(pid) or 0, time.time(), spec, [command_of(pid)])


def alive(record: Record) -> bool:
    """Whether the recorded process itself still runs; a zombie or a stranger with its number does not count."""
    child = _children.get(record.pid)
    if child is not None and child.poll() is None:
        # Its leading thread may be a zombie already while others are still taken down: then there is no exit code yet.
        return True
    return record.boot_id == _boot_id() and _start_ticks(record.pid) == record.start_ticks


def exit_code(record: Record) -> int | None:
    """How a process that this one started ended; None if it runs or somebody else started it."""
    child = _children.get(record.pid)
    return child.poll() if child else None


def members(record: Record, home: Path) -> list[int]:
    """Every living process of the record's session that works inside `home`: also workers whose leader was killed.

    The session alone would not do once the leader is dead, because its number may then be a stranger's session.
    """
    if record.boot_id != _boot_id():
        return []
    return [pid for pid in _pids() if _session(pid) == record.pid and works_in(pid, home)]


def works_in(pid: int, folder: Path) -> bool:
    """Whether the process's working folder is `folder` or below."""
    try:
        return Path(os.readlink(PROC / str(pid) / "cwd")).is_relative_to(folder)
    except OSError:
        return False


def working_in(folder: Path, program: str) -> list[int]:
    """Every living process of the program that works in the folder, whatever its session and title (Postgres's backends
    make sessions of their own). A person's shell there is not meant."""
    return [
        pid for pid in _pids() if works_in(pid, folder) and _program(pid) == program and _start_ticks(pid) is not None
    ]


def end(record: Record, family: Callable[[], list[int]], *, gentle: signal.Signals, grace_s: float) -> bool:
    """Asks the process to stop, waits, then kills what is left of its family. True if anything had to be killed."""
    if alive(record):
        _send(record.pid, gentle)
    if _gone(lambda: [record.pid] if alive(record) else [], grace_s):
        _gone(family, 2.0)  # its children end with it in a moment
    left = family()
    kill(left)
    return bool(left)


def kill(pids: Iterable[int]) -> None:
    """SIGKILL, and waits until the kernel has taken them down."""
    wanted = {pid: _start_ticks(pid) for pid in pids}
    for pid in wanted:
        _send(pid, signal.SIGKILL)
    _gone(lambda: [pid for pid, ticks in wanted.items() if ticks is not None and _start_ticks(pid) == ticks], 10.0)


def memory(pids: Iterable[int]) -> Memory:
    """Sums over the processes; one that ended meanwhile, or whose map may not be read, counts as nothing."""
    rss = pss = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
    return Memory(rss, pss)


def listener_on(port: int) -> Listener | None:
    """Who listens on the TCP port; None where that process may not be read (another user's)."""
    sockets = set(_listening_inodes(port))
    for pid in _pids():
        with contextlib.suppress(OSError):
            for descriptor in (PROC / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) in sockets:
                        return Listener(pid, command_of(pid))
    return None


def command_of(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:120]
    except OSError:
        return ""


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{field[9]}]"


def _gone(left: Callable[[], list[int]], within_s: float) -> bool:
    """Waits until nothing is left."""
    deadline = time.monotonic() + within_s
    while left():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _program(pid: int) -> str:
    try:
        return Path(os.readlink(PROC / str(pid) / "exe")).name
    except OSError:
        return ""


def _boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command, which may itself hold spaces and brackets; [0] is the state."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _start_ticks(pid: int) -> int | None:
    """Since boot; None if there is no such process, or only its zombie."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def _session(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[3]) if fields and fields[0] not in "ZX" else None
