"""`edgewright lab doctor`: which levels of fidelity this machine allows, and what each of the others lacks."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from domain.errors import Rejected
from domain.model import Model
from lab.machines import facts
from lab.machines.facts import Fact


class Fidelity(StrEnum):
    """Every level of fidelity that the lab knows."""

    SIM = "sim"
    MACHINES = "machines"
    UML = "uml"
    QEMU = "qemu"


NEEDS: Mapping[Fidelity, tuple[str, ...]] = {
    Fidelity.SIM: ("loopback addresses",),
    Fidelity.MACHINES: (
        *("root", "namespaces", "cgroups", "loop devices", "overlayfs", "squashfs"),
        *("veth and bridge", "tc tbf", "tc redirect", "VXLAN"),
        *("systemd-nspawn", "mmdebstrap", "ip", "tc", "losetup", "unshare", "nsenter", "setpriv", "mkfs.ext4"),
        *("ssh", "ssh-keygen", "mksquashfs"),
    ),
    Fidelity.UML: (
        "root",
        "namespaces",
        "tun",
        "veth and bridge",
        "ip",
        "linux.uml",
        "taskset",
        "mmdebstrap",
        "mkfs.ext4",
    ),
    Fidelity.QEMU: (
        "root",
        "namespaces",
        "tun",
        "ip",
        "qemu-system-x86_64",
        "OVMF",
        "grub-mkrescue",
        "xorriso",
        "mcopy",
    ),
}
"""What a level cannot do without. `uml` and `qemu` stand beside `machines`, for single switches and servers."""

REMARKS = {
    "VRF": "without it a VRF of a switch is a namespace of its own; `uml` has real ones",
    "kvm": "without it `qemu` emulates the CPU: slower, nothing else",
}
"""What no level needs, and what its absence means."""


class Unavailable(Rejected):
    """This machine does not allow the level; the message says why and what to install."""

    kind = "level-unavailable"


class Verdict(Model):
    """One level: whether the machine allows it, and the facts that stand against it."""

    level: Fidelity
    allowed: bool
    lacks: tuple[Fact, ...]


class Diagnosis(Model):
    facts: tuple[Fact, ...]
    verdicts: tuple[Verdict, ...]
    install: str
    """The command that installs every package that is missing; empty if none is."""

    def verdict(self, level: Fidelity) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.level is level)

    def reason(self, level: Fidelity) -> str:
        """Why the level is not to be had, in one line; empty if it is."""
        return "; ".join(f"{fact.name}: {fact.found}" for fact in self.verdict(level).lacks)

    def require(self, level: Fidelity) -> None:
        """Raises `Unavailable`."""
        if self.verdict(level).allowed:
            return
        missing = packages_for(self.verdict(level).lacks)
        raise Unavailable(
            f"This machine does not allow the level {level}: {self.reason(level)}.",
            do=f"Run as root: {apt(missing)}" if missing else "See: edgewright lab doctor",
        )


def look() -> Diagnosis:
    """Looks everything up; half a second. Changes nothing."""
    return judge(
        [
            facts.lab_addresses(),
            facts.root(),
            facts.namespaces(),
            facts.cgroups(),
            facts.loop_devices(),
            facts.overlayfs(),
            facts.squashfs(),
            facts.veth_and_bridge(),
            facts.tc_tbf(),
            facts.tc_redirect(),
            facts.vxlan(),
            facts.vrf(),
            facts.tun(),
            facts.kvm(),
            facts.firmware(),
            *(facts.program(name) for name in facts.PROGRAMS),
        ]
    )


def judge(found: Iterable[Fact]) -> Diagnosis:
    """What the facts mean. Pure."""
    by_name = {fact.name: fact for fact in found}
    verdicts: list[Verdict] = []
    for level, needs in NEEDS.items():
        lacks = tuple(by_name[name] for name in needs if not by_name[name].ok)
        verdicts.append(Verdict(level=level, allowed=not lacks, lacks=lacks))
    missing = packages_for(by_name.values())
    return Diagnosis(facts=tuple(by_name.values()), verdicts=tuple(verdicts), install=apt(missing) if missing else "")


def packages_for(found: Iterable[Fact]) -> list[str]:
    """The Debian packages that bring what these facts lack, each once."""
    return sorted({fact.package for fact in found if not fact.ok and fact.package})


def apt(packages: Iterable[str]) -> str:
    return f"apt-get install --no-install-recommends {' '.join(packages)}"
