"""How a site is cabled: systems above, switches between, servers below, one line for all cables of a plane between two of them.

A site with many servers shows each rack's servers as one box: the table of cables has every single one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import IntEnum

from domain.model import Model
from domain.site import Plane, SiteDeclaration, SwitchRole, natural_order

SERVERS_AT_MOST = 16
BOX, GAP, HEIGHT, ROW = 124, 14, 34, 120


class Layer(IntEnum):
    SYSTEM = 0
    SPINE = 1
    LEAF = 2
    SERVER = 3


class Node(Model):
    name: str
    label: str
    layer: Layer
    x: int
    y: int


class Link(Model):
    a: str
    b: str
    plane: Plane
    cables: int
    trouble: int
    """How many of the cables have an open finding."""
    path: str


class Topology(Model):
    width: int
    height: int
    box: int = BOX
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    @property
    def planes(self) -> tuple[Plane, ...]:
        return tuple(plane for plane in Plane if any(link.plane is plane for link in self.links))


def draw_topology(site: SiteDeclaration, troubled: frozenset[str]) -> Topology | None:
    """`troubled`: keys of cables with an open finding. None where no cable is declared."""
    if not site.cables:
        return None
    box_of = _boxes(site)
    rows: dict[Layer, list[str]] = {layer: [] for layer in Layer}
    for box, layer in dict.fromkeys(box_of.values()):
        rows[layer].append(box)
    used = [layer for layer in Layer if rows[layer]]
    width = max(len(rows[layer]) for layer in used) * (BOX + GAP) + GAP
    nodes = {node.name: node for node in _nodes(site, rows, used, width)}
    return Topology(
        width=width,
        height=(len(used) - 1) * ROW + HEIGHT + 2 * GAP,
        nodes=tuple(nodes.values()),
        links=tuple(_links(site, box_of, nodes, troubled)),
    )


def _boxes(site: SiteDeclaration) -> dict[str, tuple[str, Layer]]:
    """Which box stands for which device."""
    many = len(site.servers) > SERVERS_AT_MOST
    found = {system.name: (system.name, Layer.SYSTEM) for system in site.systems}
    for switch in sorted(site.switches, key=lambda each: natural_order(each.name)):
        found[switch.name] = (switch.name, Layer.SPINE if switch.role is SwitchRole.SPINE else Layer.LEAF)
    for server in sorted(site.servers, key=lambda each: natural_order(each.name)):
        found[server.name] = (f"rack {server.rack}" if many else server.name, Layer.SERVER)
    return found


def _nodes(site: SiteDeclaration, rows: Mapping[Layer, list[str]], used: list[Layer], width: int) -> Iterator[Node]:
    racks = Counter(f"rack {server.rack}" for server in site.servers)
    for row, layer in enumerate(used):
        names = rows[layer]
        left = (width - (len(names) * (BOX + GAP) - GAP)) // 2
        for place, name in enumerate(names):
            label = f"{name}: {racks[name]} servers" if name in racks else name
            yield Node(name=name, label=label, layer=layer, x=left + place * (BOX + GAP), y=GAP + row * ROW)


def _links(
    site: SiteDeclaration,
    box_of: Mapping[str, tuple[str, Layer]],
    nodes: Mapping[str, Node],
    troubled: frozenset[str],
) -> Iterator[Link]:
    cables: Counter[tuple[str, str, Plane]] = Counter()
    trouble: Counter[tuple[str, str, Plane]] = Counter()
    for cable in site.cables:
        ends = sorted((nodes[box_of[end.device][0]] for end in (cable.a, cable.b)), key=lambda n: (n.y, n.x))
        between = (ends[0].name, ends[1].name, cable.plane)
        cables[between] += 1
        trouble[between] += cable.key in troubled
    lanes: Counter[tuple[str, str]] = Counter()
    for between, count in cables.items():
        upper, lower, plane = between
        lane = lanes[upper, lower]
        lanes[upper, lower] += 1
        path = _path(nodes[upper], nodes[lower], lane)
        yield Link(a=upper, b=lower, plane=plane, cables=count, trouble=trouble[between], path=path)


def _path(upper: Node, lower: Node, lane: int) -> str:
    """Planes between the same two boxes run side by side; between two boxes of one row the line goes below them."""
    shift = 7 * ((lane + 1) // 2) * (1 if lane % 2 else -1)
    x1, x2 = upper.x + BOX // 2 + shift, lower.x + BOX // 2 + shift
    if upper.y == lower.y:
        y = upper.y + HEIGHT
        return f"M{x1} {y}C{x1} {y + 30 + 4 * lane} {x2} {y + 30 + 4 * lane} {x2} {y}"
    y1, y2 = upper.y + HEIGHT, lower.y
    middle = (y1 + y2) // 2
    return f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"
