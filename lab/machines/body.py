"""One running machine: systemd-nspawn in the server's namespace and cgroups, from the first process to the last.

systemd-nspawn needs no systemd on the host. Killing nspawn alone would leave everything inside running; the machine's first process
takes all others with it, since it is the first of their pid namespace.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import Transient
from lab.machines import tools
from lab.machines.facts import cgroup_mounts

APPEAR_S = 20.0
OVER, NOTHING_TO_BOOT = 97, 98
REBOOT = 133
"""How nspawn ends when the system inside asks for a reboot (EXIT_FORCE_RESTART of systemd)."""
_ASK_TO_SHUT_DOWN = signal.SIGRTMIN + 4
"""systemd takes it as an order to power off, as a computer's does the ACPI button."""


class MachineNotStarted(Transient):
    """nspawn could not start the machine; the message has its last words."""

    kind = "machine-not-started"


class NothingToBoot(Exception):
    """The source holds no system: an empty drive, a file system without one."""


@dataclass(frozen=True)
class Plan:
    """All that a start needs. `binds`: (device on the host, its name in the machine); `shown`: the same with folders, to be read.

    Either `disk` is set, or `lower`, the folder of a live system; with `medium` that is mounted there first.
    """

    name: str
    hostname: str
    namespace: Path
    cgroups: Sequence[Path]
    root: Path
    ram: Path
    console: Path
    binds: Sequence[tuple[Path, str]] = ()
    shown: Sequence[tuple[Path, str]] = ()
    medium: Path | None = None
    disk: Path | None = None
    lower: Path | None = None
    seed: Path | None = None

    def command(self) -> list[str]:
        nspawn = ["systemd-nspawn", "--register=no", "--keep-unit", "--quiet", "--console=read-only"]
        nspawn += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--capability=all"]
        nspawn += [f"--machine={self.name}", f"--hostname={self.hostname}", f"--directory={self.root}"]
        nspawn += [f"--network-namespace-path={self.namespace}", "--bind=/dev/kmsg"]
        nspawn += [f"--bind={device}:{node}" for device, node in self.binds]
        nspawn += [f"--bind-ro={folder}:{where}" for folder, where in self.shown]
        return ["unshare", "--mount", "sh", tools.script("boot.sh"), *nspawn, "/sbin/lab-init"]

    def environment(self) -> dict[str, str]:
        own = {
            "CGROUPS": ":".join(map(str, self.cgroups)),
            "ROOT": str(self.root),
            "RAM": str(self.ram),
            "DISK": str(self.disk or ""),
            "LOWER": str(self.lower or ""),
            "MEDIUM": str(self.medium or ""),
            "SEED": str(self.seed or ""),
            "SYSTEMD_NSPAWN_LOCK": "0",  # our runs keep apart by themselves; a killed nspawn leaves its lock file
            "SYSTEMD_SECCOMP": "0",  # its filter breaks containers inside
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",  # sysctls
        }
        if any(version == 1 for _, version in cgroup_mounts()):
            own["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "0"
        return tools.environment(**own)


@dataclass
class Body:
    """A machine that runs. `leader`: its first process, held by a descriptor, so that no stranger with its number is hit."""

    process: asyncio.subprocess.Process
    leader_pid: int
    leader: int
    _closed: bool = field(default=False)

    async def ended(self) -> int:
        """Waits for the end; `REBOOT` if the system wants to come again, 0 if it powered itself off."""
        code = await self.process.wait()
        self._close()
        return code

    def ask_to_shut_down(self) -> None:
        self._send(_ASK_TO_SHUT_DOWN)

    def cut(self) -> None:
        """Power off: the first process dies, and with it everything in the machine."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if not self._closed:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.leader, number)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self.leader)


async def start(plan: Plan) -> Body:
    """Starts the machine and returns when its first process is there; its system still boots.

    Raises:
        NothingToBoot: the source has no system.
        MachineNotStarted: nspawn refused, or its cgroup is gone because the run ends.
    """
    process = await tools.begin(*plan.command(), environment=plan.environment(), log=plan.console)
    try:
        async with asyncio.timeout(APPEAR_S):
            while process.returncode is None:
                if leader := _leader_of(process.pid):
                    return Body(process, *leader)
                await asyncio.sleep(0.01)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise MachineNotStarted(
            f"{plan.name} has no first process after {APPEAR_S:.0f} s. Look into {plan.console}."
        ) from None
    if process.returncode == NOTHING_TO_BOOT:
        raise NothingToBoot
    said = plan.console.read_text(errors="replace")[-400:]
    raise MachineNotStarted(f"{plan.name} could not be started (exit code {process.returncode}): {said}")


def _leader_of(nspawn: int) -> tuple[int, int] | None:
    """The first process of the pid namespace that nspawn made: its number and a descriptor of it."""
    for child in _children(nspawn):
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(child)
            if _number_inside(child) == 1:
                return child, descriptor
            os.close(descriptor)
    return None


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _number_inside(pid: int) -> int | None:
    """The process's number in the innermost pid namespace it is in, if that is not ours."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return int(numbers[-1]) if len(numbers) > 1 else None
    return None
