"""Habits of BMCs that the specification does not allow or does not announce, as data. Every entry is dated and names its source.

Only what changes what we do is listed. Absent resources need no entry: the reader names them in `missing`.
"""

import re
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
class Entry:
    """`vendor`, `product` and `model` (of the manager, known after login) are patterns; an empty one matches everything."""

    name: str
    since: str
    source: str
    quirks: Quirks
    vendor: str = ""
    product: str = ""
    model: str = ""

    def matches(self, vendor: str, product: str, model: str) -> bool:
        pairs = ((self.vendor, vendor), (self.product, product), (self.model, model))
        return all(not pattern or re.search(pattern, value, re.IGNORECASE) for pattern, value in pairs)


TABLE: tuple[Entry, ...] = (
    Entry(
        "sushy-tools",
        "2026-11-24",
        "sushy-tools 2.2.0, measured here: no session service, PowerState moves 1 to 11 s after the 204",
        Quirks(basic_only=True, power_settle_s=12.0),
        product="sushy",
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
        model=r"ilo ?5",
    ),
    Entry(
        "edgewright-lab",
        "2026-11-24",
        "lab/virtual/quirks.yaml, profiles `slow-boot-state` and `busy-inventory`: these habits isolated for tests",
        Quirks(power_settle_s=5.0, inventory_busy_s=8.0),
        vendor=r"edgewright lab",
    ),
)


def quirks_of(root: Resource, manager_model: str = "") -> Quirks:
    """All entries that match, put together: a later entry's word adds to an earlier one's."""
    vendor, product = root.text("Vendor"), root.text("Product")
    chosen = [entry.quirks for entry in TABLE if entry.matches(vendor, product, manager_model)]
    default = Quirks()
    said = {
        item.name: value
        for quirks in chosen
        for item in fields(Quirks)
        if (value := getattr(quirks, item.name)) != getattr(default, item.name)
    }
    return Quirks(**said)
