"""A rack's elevation: what is declared to stand where, with the state that NetBox knows of it. Units count from the floor."""

from collections.abc import Iterator, Mapping, Sequence

from api.services import inventory
from domain.inventory import DeviceState
from domain.model import Model
from domain.site import RackDeclaration, SiteDeclaration

UNIT = 17
"""The height of one rack unit on the canvas."""
WIDTH, SCALE = 250, 26
"""The rack's width, and that of the column with the numbers of the units."""
NOT_RECORDED, NOT_DECLARED = "not recorded", "not declared"


class Box(Model):
    name: str
    state: str
    """In words: a lifecycle, `observed`, `not recorded` …"""
    note: str = ""
    kind: str
    unit: int
    height_u: int
    y: int
    height: int


class Elevation(Model):
    rack: str
    height_u: int
    boxes: tuple[Box, ...]
    units: tuple[tuple[int, int], ...]
    """Each unit's number and where it is on the canvas."""
    unplaced: tuple[str, ...] = ()

    @property
    def canvas_width(self) -> int:
        return SCALE + WIDTH

    @property
    def canvas_height(self) -> int:
        return self.height_u * UNIT


def draw_racks(
    site: SiteDeclaration, devices: Sequence[DeviceState], heights: Mapping[str, int]
) -> tuple[Elevation, ...]:
    """`heights`: rack units by server class; a class that is not known is drawn as one unit."""
    known = {device.name: device for device in devices}
    return tuple(_elevation(rack, site, known, heights) for rack in site.racks)


def _elevation(
    rack: RackDeclaration, site: SiteDeclaration, known: Mapping[str, DeviceState], heights: Mapping[str, int]
) -> Elevation:
    boxes = tuple(sorted(_boxes(rack, site, known, heights), key=lambda box: -box.unit))
    return Elevation(
        rack=rack.name,
        height_u=rack.height_u,
        boxes=boxes,
        units=tuple((unit, _y(rack, unit, 1)) for unit in range(rack.height_u, 0, -1)),
    )


def _boxes(
    rack: RackDeclaration, site: SiteDeclaration, known: Mapping[str, DeviceState], heights: Mapping[str, int]
) -> Iterator[Box]:
    declared: set[str] = set()
    for server in site.servers:
        declared.add(server.name)
        if server.rack == rack.name:
            height = heights.get(server.server_class, 1)
            yield _box(rack, server.name, "server", server.unit, height, known.get(server.name))
    for switch in site.switches:
        declared.add(switch.name)
        if switch.rack == rack.name:
            yield _box(rack, switch.name, "switch", switch.unit, switch.height_u, known.get(switch.name))
    for system in site.systems:
        declared.add(system.name)
        if system.rack == rack.name and system.unit is not None:
            yield _box(rack, system.name, "system", system.unit, 1, known.get(system.name))
    for device in known.values():
        if device.name not in declared and device.rack == rack.name and device.unit:
            yield _box(rack, device.name, "other", int(device.unit), 1, device, note=NOT_DECLARED)


def state_of(device: DeviceState | None) -> str:
    if device is None:
        return NOT_RECORDED
    if device.lifecycle is not None:
        return str(device.lifecycle)
    return device.observed or device.status or "recorded"


def _box(
    rack: RackDeclaration, name: str, kind: str, unit: int, height_u: int, device: DeviceState | None, note: str = ""
) -> Box:
    is_server = device is not None and inventory.is_server(device)
    return Box(
        name=name,
        state=state_of(device),
        note=note or (device.holder if device is not None and is_server else ""),
        kind=kind,
        unit=unit,
        height_u=height_u,
        y=_y(rack, unit, height_u),
        height=height_u * UNIT,
    )


def _y(rack: RackDeclaration, unit: int, height_u: int) -> int:
    return (rack.height_u - unit - height_u + 1) * UNIT
