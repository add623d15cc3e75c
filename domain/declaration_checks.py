"""What a site declaration and the server classes it names must agree on. Pure; the API refuses what this finds before anything runs."""

from collections.abc import Iterator, Mapping

from domain.checking import Problem
from domain.server_class import ServerClass
from domain.site import PORT_OF_BMC, ServerDeclaration, SiteDeclaration


def class_problems(site: SiteDeclaration, classes: Mapping[str, ServerClass]) -> tuple[Problem, ...]:
    """Every contradiction between a site and the classes of its servers; `classes` holds those that are declared."""
    return (*_unknown_classes(site, classes), *_heights(site, classes), *_ports(site, classes))


def _unknown_classes(site: SiteDeclaration, classes: Mapping[str, ServerClass]) -> Iterator[Problem]:
    for index, server in enumerate(site.servers):
        if server.server_class not in classes:
            known = ", ".join(sorted(classes)) or "none"
            message = f"server class {server.server_class} is not declared (declared: {known}): put it before the site"
            yield Problem(path=f"servers[{index}].class", message=message)


def _heights(site: SiteDeclaration, classes: Mapping[str, ServerClass]) -> Iterator[Problem]:
    """A declaration alone counts one unit for each server; with its class the real height is known."""
    racks = {rack.name: rack.height_u for rack in site.racks}
    taken = {
        (switch.rack, unit): switch.name
        for switch in site.switches
        for unit in range(switch.unit, switch.unit + switch.height_u)
    }
    taken |= {(s.rack, s.unit): s.name for s in site.systems if s.rack is not None and s.unit is not None}
    # The lowest unit of every server is checked without classes; only what lies above it is news here.
    taken |= {(server.rack, server.unit): server.name for server in site.servers}
    for index, server in enumerate(site.servers):
        height = classes[server.server_class].height_u if server.server_class in classes else 1
        top = server.unit + height - 1
        path = f"servers[{index}].unit"
        if height > 1 and top > racks.get(server.rack, top):
            message = f"{server.name} is {height} units high and would reach unit {top} of rack {server.rack}"
            yield Problem(path=path, message=message)
        for unit in range(server.unit + 1, top + 1):
            other = taken.setdefault((server.rack, unit), server.name)
            if other != server.name:
                message = (
                    f"{server.name} is {height} units high: it and {other} are both in rack {server.rack} unit {unit}"
                )
                yield Problem(path=path, message=message)


def _ports(site: SiteDeclaration, classes: Mapping[str, ServerClass]) -> Iterator[Problem]:
    servers = {server.name: server for server in site.servers}
    systems = {system.name: system for system in site.systems if system.ports}
    for index, cable in enumerate(site.cables):
        for side, end in (("a", cable.a), ("b", cable.b)):
            path = f"cables[{index}].{side}.port"
            if end.device in servers:
                ports = _ports_of(servers[end.device], classes)
            elif end.device in systems:
                ports = systems[end.device].ports
            else:
                continue
            if ports is not None and end.port not in ports:
                yield Problem(path=path, message=f"{end.device} has no port {end.port}: it has {', '.join(ports)}")


def _ports_of(server: ServerDeclaration, classes: Mapping[str, ServerClass]) -> tuple[str, ...] | None:
    """None if its class is not known: that is a problem of its own."""
    server_class = classes.get(server.server_class)
    return None if server_class is None else (PORT_OF_BMC, *server_class.ports())
