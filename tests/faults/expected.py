"""What onboarding makes of each fault of the lab's switchboard: written by hand from docs/faults.md, never from what a run printed.

Every cell seeds one fault at a site of two servers, before it is onboarded for the first time; a cell `once onboarded` seeds it
afterwards and onboards again.
"""

from dataclasses import dataclass, field, replace
from typing import Any

ALL = frozenset({"r1-s01", "r1-s02"})
OTHER = frozenset({"r1-s02"})


@dataclass(frozen=True)
class Cell:
    """`critical`: the kinds of critical findings, exactly. `available`: the servers that are in. `touches`: what a person has to
    do after the fault is mended; a fault that is ridden out needs none."""

    fault: str
    target: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    times: int | None = None
    state: str = "partial"
    critical: frozenset[str] = frozenset()
    warnings: frozenset[str] = frozenset()
    available: frozenset[str] = OTHER
    missing: frozenset[str] = frozenset()
    reason: str = ""
    """Part of what the findings say: a right finding with a wrong reason is no help at night."""
    once_onboarded: bool = False
    walk: str = "mend"
    """What a person does before the retry: a name in `tests.faults.walking`."""

    @property
    def name(self) -> str:
        given = "".join(f" {name}={value}" for name, value in self.arguments.items())
        often = f" x{self.times}" if self.times else ""
        return f"{self.fault} {self.target}{given}{often}{' once onboarded' if self.once_onboarded else ''}"

    @property
    def touches(self) -> int:
        """The retry, and a password that is entered."""
        return (1 if self.state == "partial" else 0) + ("enter" in self.walk)


def rides_out(fault: str, target: str, times: int | None = None, **arguments: Any) -> Cell:
    """Retried, or of no concern to onboarding: the site is in order and nobody is told."""
    return Cell(fault, target, arguments, times, state="succeeded", available=ALL)


def quarantined(fault: str, target: str, *kinds: str, reason: str = "", **arguments: Any) -> Cell:
    return Cell(fault, target, arguments, critical=frozenset(kinds), reason=reason)


def not_found(fault: str, target: str, *warnings: str, **arguments: Any) -> Cell:
    return Cell(
        fault,
        target,
        arguments,
        critical=frozenset({"server-not-found"}),
        warnings=frozenset(warnings),
        missing=frozenset({target}),
    )


def unverified(fault: str, target: str, *kinds: str, reason: str = "", **arguments: Any) -> Cell:
    """A switch that cannot be read: it is told, its cables are unverified, no server is stopped, and the operation is not whole."""
    return Cell(
        fault,
        target,
        arguments,
        state="partial",
        critical=frozenset(kinds),
        warnings=frozenset({"cable-unverified"}),
        available=ALL,
        reason=reason,
    )


def not_taken_over(fault: str, target: str, kind: str, **arguments: Any) -> Cell:
    """A switch that keeps the installer's password: it is told, and its cables are checked all the same."""
    return Cell(fault, target, arguments, state="partial", critical=frozenset({kind}), available=ALL)


def walked(cell: Cell, walk: str) -> Cell:
    return replace(cell, walk=walk)


def not_well(fault: str, target: str, kind: str, **arguments: Any) -> Cell:
    """Another system that is not as it should be: it is told, it stops no server, and the operation is not whole."""
    return Cell(fault, target, arguments, state="partial", critical=frozenset({kind}), available=ALL)


def later(cell: Cell) -> Cell:
    return replace(cell, once_onboarded=True)


S, LEAF, NTP, DNS = "r1-s01", "r1-leaf-a", "ntp-1", "dns-1"

CELLS = (
    # BMC
    not_found("refuse", S),
    not_found("stall", S, "unexpected-device"),
    not_found("drop", S, "unexpected-device"),
    rides_out("drop", S, 1, method="GET", path="/redfish/v1/Chassis"),
    rides_out("drop", S, 1, method="PATCH", when="after"),
    rides_out("error", S, 1, status=503, path="/redfish/v1/Chassis"),
    rides_out("slow", S, seconds=2),
    rides_out("reboot", S, 1, path="/redfish/v1/Chassis"),
    rides_out("expired-certificate", S),
    rides_out("other-certificate", S),
    rides_out("lie", S, about="power-state"),
    rides_out("lie", S, about="reset"),
    rides_out("lie", S, about="patch"),
    quarantined("lie", S, "password-not-taken", about="password"),
    quarantined("locked-out", S, "credentials-unknown"),
    walked(quarantined("password-unknown", S, "credentials-unknown"), "enter the right password"),
    # Once it is discovered: reading gives up, or names the part that it could not read
    quarantined("stall", S, "bmc-unreachable", reason="did not answer within", path="/redfish/v1/Systems"),
    quarantined("drop", S, "bmc-unreachable", reason="broke the connection", path="/redfish/v1/Systems"),
    quarantined("error", S, "bmc-busy", status=503, path="/redfish/v1/SessionService*"),
    # Once its certificate is remembered, no password is sent to another one
    later(quarantined("other-certificate", S, "bmc-certificate-changed")),
    later(quarantined("gpu-missing", S, "gpu-count", part="GPU0")),
    # What stands in the server
    quarantined("gpu-missing", S, "gpu-count", part="GPU0"),
    quarantined("drive-missing", S, "drive-count", part="NVMe1"),
    quarantined("memory-missing", S, "memory-size", part="DIMM0"),
    quarantined("adapter-missing", S, "adapter-missing", "cable-missing", part="dpu0"),
    Cell("firmware-other", S, {"component": "BIOS", "version": "01.03.00"}, state="succeeded",
         warnings=frozenset({"firmware"}), available=ALL),
    # The baseline is met by what is later.
    rides_out("firmware-other", S, component="BIOS", version="9.9.9"),
    quarantined("secure-boot-off", S, "secure-boot"),
    # Cables
    quarantined("cable-unplugged", f"{LEAF}:swp1", "cable-missing", reason="No link on"),
    Cell("cable-swapped", f"{LEAF}:swp1", {"with": f"{LEAF}:swp2"}, critical=frozenset({"cable-swapped"}), available=frozenset()),
    # No cable is declared at swp9, so the only wrong one is that of swp1; it says where its plug is.
    quarantined("cable-wrong-port", f"{LEAF}:swp1", "cable-missing", to=f"{LEAF}:swp9", reason="r1-leaf-a swp9 instead"),
    # Between two switches nobody is quarantined.
    Cell("cable-unplugged", f"{LEAF}:eth0", critical=frozenset({"cable-missing"}), available=ALL),
    # Switches
    unverified("refuse", LEAF, "switch-not-found"),
    unverified("stall", LEAF, "switch-not-found"),
    unverified("drop", LEAF, "switch-not-found"),
    rides_out("drop", LEAF, 1, path="/nvue_v1/interface"),
    rides_out("drop", LEAF, 1, method="PATCH", when="after"),
    rides_out("reboot", LEAF, 1, path="/nvue_v1/interface"),
    rides_out("slow", LEAF, seconds=1),
    rides_out("error", LEAF, 1, status=503, path="/nvue_v1/interface"),
    # Another serial, but it sees the cables.
    Cell("switch-lie", LEAF, {"what": "serial"}, state="partial", critical=frozenset({"serial-mismatch"}), available=ALL),
    rides_out("switch-lie", LEAF, what="links"),
    not_taken_over("switch-apply-fails", LEAF, "switch-rolled-back"),
    walked(
        not_taken_over("switch-apply-hangs", LEAF, "apply-unfinished", state="readying"), "mend, restart the switch"
    ),
    rides_out("switch-confirm-fails", LEAF),
    rides_out("switch-reboot", LEAF, seconds=2),
    not_taken_over("switch-reboot", LEAF, "switch-refused", state="apply", seconds=2),
    walked(not_taken_over("switch-lie", LEAF, "password-not-taken", what="apply"), "mend, wait for the window"),
    rides_out("switch-foreign-apply", LEAF, patch='{"system":{"hostname":"other"}}', when="after-diff"),
    unverified("stall", LEAF, "switch-unreachable", path="/nvue_v1/interface"),
    rides_out("expired-certificate", LEAF),
    rides_out("other-certificate", LEAF),
    later(unverified("other-certificate", LEAF, "switch-certificate-changed")),
    # The installer's password, which the declaration names, is gone with the reset.
    walked(
        unverified("switch-factory-reset", LEAF, "switch-login-refused"), "set a password at the console, enter it"
    ),
    # Other systems
    not_well("refuse", NTP, "system-unreachable"),
    not_well("stall", DNS, "system-unreachable"),
    not_well("clock-unsynchronised", NTP, "clock-unsynchronised"),
    not_well("ntp-kiss", NTP, "ntp-refused", code="DENY"),
    not_well("zone-missing", DNS, "zone-not-served", zone="two.edge.example"),
    Cell("clock-offset", NTP, {"seconds": 30}, state="succeeded", warnings=frozenset({"clock-offset"}), available=ALL),
    rides_out("drop", NTP, 1),
    rides_out("drop", DNS, 1),
    rides_out("slow", DNS, seconds=1),
)  # fmt: skip

NOT_ONBOARDINGS = {
    "bios-ignores": "onboarding changes no BIOS setting",
    "media-ejected": "onboarding inserts no media",
    "drive-refuses-erase": "onboarding erases no drive: that a server is new is attested",
    "drive-stalls-erase": "onboarding erases no drive",
    "drive-lies-erase": "onboarding erases no drive",
    "firmware-update-fails": "onboarding compares firmware and updates none",
}
"""Faults of the switchboard without a cell, and why: what onboarding never does cannot go wrong in it. tests/clients/redfish has them."""
