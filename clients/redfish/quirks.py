"""Habits of BMCs that the specification does not allow or does not announce, as data. Every entry is dated and names its source.

Only what changes what we do is listed. Absent resources need no entry: the reader names them in `missing`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields

from clients.redfish.resource import Resource


@dataclass(frozen=True)
class Quirks:
    """What to do differently. The defaults are for a BMC that does what it says."""

    no_expand: bool = False
    """`$expand` is announced but answers wrongly or not at all."""
    basic_only: bool = False
    """There is no session service, whatever the service root says."""
    close_connections: bool = False
    """A kept connection breaks the next request: ask for a new one each time."""
    power_settle_s: float = 0.0
    """After a reset the old PowerState is reported for as long as this: read again before believing an unchanged one."""
    inventory_busy_s: float = 0.0
    """The firmware inventory answers 503 for as long as this while it is gathered: worth waiting for inside one reading."""
    login_window_s: float | None = None
    """How long a failed login counts, where longer than the default and not shown before login."""


@dataclass(frozen=True)
class Identity:
    """Who a BMC says it is. The first two stand in the service root; the others are only shown after a login."""

    vendor: str = ""
    product: str = ""
    manager_model: str = ""
    manager_firmware: str = ""
    system_manufacturer: str = ""
    system_model: str = ""

    @classmethod
    def of(cls, root: Resource, manager: Resource | None = None, system: Resource | None = None) -> "Identity":
        manager, system = manager or Resource(None), system or Resource(None)
        return cls(
            vendor=root.text("Vendor"),
            product=root.text("Product"),
            manager_model=manager.text("Model"),
            manager_firmware=manager.text("FirmwareVersion"),
            system_manufacturer=system.text("Manufacturer"),
            system_model=system.text("Model"),
        )


@dataclass(frozen=True)
class Entry:
    """Patterns for each part of an identity; an empty one matches everything."""

    name: str
    since: str
    source: str
    quirks: Quirks
    vendor: str = ""
    product: str = ""
    manager_model: str = ""
    system_manufacturer: str = ""
    system_model: str = ""
    firmware_below: str = ""
    """The manager's firmware version from which on the habit is gone. A BMC that names no version counts as older."""

    @property
    def shown_after_login(self) -> bool:
        return bool(self.manager_model or self.system_manufacturer or self.system_model or self.firmware_below)

    def may_match(self, identity: Identity) -> bool:
        """As far as the service root tells."""
        return _all_match((self.vendor, identity.vendor), (self.product, identity.product))

    def matches(self, identity: Identity) -> bool:
        return (
            self.may_match(identity)
            and _all_match(
                (self.manager_model, identity.manager_model),
                (self.system_manufacturer, identity.system_manufacturer),
                (self.system_model, identity.system_model),
            )
            and (not self.firmware_below or _version(identity.manager_firmware) < _version(self.firmware_below))
        )


def _all_match(*pairs: tuple[str, str]) -> bool:
    return all(not pattern or re.search(pattern, value, re.IGNORECASE) for pattern, value in pairs)


def _version(text: str) -> tuple[int, ...]:
    """`iLO 5 v2.30` is 2.30: a product's own number before the version is none of it."""
    dotted = re.search(r"\d+(?:[.-]\d+)+", text)
    return tuple(int(number) for number in re.findall(r"\d+", dotted[0] if dotted else text))


TABLE: tuple[Entry, ...] = (
    Entry(
        "sushy-tools",
        "2026-11-24",
        "sushy-tools 2.2.0, measured here: its root names neither vendor nor product; PowerState moves 0 to 11 s after the 204",
        Quirks(power_settle_s=12.0),
        vendor=r"^$",
        system_manufacturer=r"^sushy emulator$",
    ),
    Entry(
        "ami-viking-and-gb300",
        "2026-11-24",
        "dsx-ai-factory/nv-redfish PR 118 (2026-06), infra-controller issue 4100: members expanded by these AMI host BMCs "
        "lack required fields, single GETs are complete. AMI's own service root names no platform, so all AMI ones are read "
        "one by one",
        Quirks(no_expand=True),
        vendor=r"^ami$|american megatrends|^lenovo ami",
    ),
    Entry(
        "openbmc-power",
        "2026-11-24",
        "openbmc/bmcweb issue 12: PowerState is On while the host is off or moving",
        Quirks(power_settle_s=6.0),
        vendor=r"openbmc|^nvidia$",
    ),
    Entry(
        "idrac-inventory",
        "2026-11-24",
        "bb-Ricardo/check_redfish issue 14: iDRAC answers 503 and times out on inventories after a change",
        Quirks(inventory_busy_s=20.0),
        vendor=r"^dell",
    ),
    Entry(
        "idrac8-no-token",
        "2026-11-24",
        "openbmc/webui-vue PR 22: iDRAC 8 takes no session token",
        Quirks(basic_only=True),
        vendor=r"^dell",
        product=r"integrated dell remote access controller 8|idrac ?8",
    ),
    Entry(
        "ilo5-keep-alive",
        "2026-11-24",
        "DMTF/python-redfish-library issue 64: early iLO 5 ends kept connections without an answer",
        Quirks(close_connections=True),
        vendor=r"^hpe?$",
        manager_model=r"ilo ?5",
    ),
    Entry(
        "edgewright-lab-by-model",
        "2026-11-25",
        "lab/virtual/quirks.yaml, profile `nameless`: a habit of one model's older firmware, known after login only",
        Quirks(power_settle_s=5.0),
        vendor=r"^$",
        manager_model=r"^EWL-7$",
        firmware_below="24.11",
    ),
    Entry(
        "edgewright-lab",
        "2026-11-24",
        "lab/virtual/quirks.yaml, profiles `slow-boot-state` and `busy-inventory`: these habits isolated for tests",
        Quirks(power_settle_s=5.0, inventory_busy_s=8.0),
        vendor=r"edgewright lab",
    ),
)


def quirks_of(identity: Identity) -> Quirks:
    """All entries that match, put together: a later entry's word adds to an earlier one's."""
    chosen = [entry.quirks for entry in TABLE if entry.matches(identity)]
    default = Quirks()
    said = {
        item.name: value
        for quirks in chosen
        for item in fields(Quirks)
        if (value := getattr(quirks, item.name)) != getattr(default, item.name)
    }
    return Quirks(**said)


class Habits:
    """The quirks of one connection's BMC. Most are known from its service root; the rest is read once, where it could matter."""

    def __init__(self, root: Resource) -> None:
        self._seen = Identity.of(root)
        self._whole: Quirks | None = None

    @property
    def before_login(self) -> Quirks:
        return quirks_of(self._seen)

    def after_login(self, read: Callable[[], Identity]) -> Quirks:
        """`read` asks the BMC, at most once, and not at all where no entry could match for what it would say."""
        if self._whole is None:
            asked = any(entry.shown_after_login and entry.may_match(self._seen) for entry in TABLE)
            self._whole = quirks_of(read()) if asked else self.before_login
        return self._whole
