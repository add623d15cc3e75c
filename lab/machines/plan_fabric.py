"""What the fabric of a site should be now: pure. Where each port is, what is plugged in, who speaks LLDP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.machines.speakers import Speaker
from lab.machines.switching.kernel import Hardware
from lab.machines.wires import Socket, Wiring
from lab.virtual.sitefile import OtherSystem, PhysicalPort, PortRef, Server, Site, Switch, SwitchRole
from lab.virtual.world import World

type Place = Callable[[str], str]
"""The name of a namespace by what stands in it."""
UPLINK = "uplink"


@dataclass(frozen=True)
class Ports:
    """The ports of one device, or of one part of a server that has power when the server is off."""

    place: str
    sockets: Mapping[PortRef, Socket]


def lasting(site: Site, at: Place) -> list[Ports]:
    """What has its ports for the whole run: switches, systems, BMCs, DPUs."""
    found = [_of_switch(site, switch, at) for switch in site.switches]
    found += [_of_system(system, at) for system in site.systems]
    for server in site.servers:
        parts: dict[str, list[PhysicalPort]] = {}
        for port in site.server_ports(server):
            if (part := part_of(port)) != "":
                parts.setdefault(part, []).append(port)
        found += [_of_part(server, f"{server.name}.{part}", ports, at) for part, ports in parts.items()]
    return found


def hardware(site: Site, switch: Switch) -> Hardware:
    """What the switch has whatever is configured. An out-of-band switch's uplink is in the bridge: BMCs reach that, and nothing else."""
    ports = {name: site.switch_port_mac(switch, name) for name in sorted(site.port_names(switch.name))}
    return Hardware(switch.mac_base, ports, (UPLINK,) if switch.role is SwitchRole.OUT_OF_BAND else ())


def inserted(world: World, server: Server, at: Place) -> Ports:
    """The ports of the NICs that are in the server: they come and go with its power."""
    machine = world.machines[server.name]
    ports = [
        port
        for port in world.site.server_ports(server)
        if part_of(port) == "" and machine.adapter_of(port.name) is not None
    ]
    return _of_part(server, server.name, ports, at)


def part_of(port: PhysicalPort) -> str:
    """The part of a server that the port belongs to if that has power of its own; empty for the host's own NICs."""
    if port.adapter is None:
        return "bmc"
    return port.slot or "" if port.adapter.mode == "dpu" else ""


def interface_of(port: PhysicalPort) -> str:
    """As who owns it calls it: the Arm system of a DPU knows its ports as `p0` and `p1`."""
    return port.name.removeprefix(f"{port.slot}-") if part_of(port) else port.name


def _of_switch(site: Site, switch: Switch, at: Place) -> Ports:
    names = sorted(site.port_names(switch.name))
    sockets = {
        PortRef(switch.name, name): Socket(at(switch.name), name, site.switch_port_mac(switch, name), up=False)
        for name in names
    }
    return Ports(switch.name, sockets)


def _of_system(system: OtherSystem, at: Place) -> Ports:
    sockets = {PortRef(system.name, port.name): Socket(at(system.name), port.name, port.mac) for port in system.ports}
    return Ports(system.name, sockets)


def _of_part(server: Server, place: str, ports: list[PhysicalPort], at: Place) -> Ports:
    sockets = {PortRef(server.name, port.name): Socket(at(place), interface_of(port), port.mac) for port in ports}
    return Ports(place, sockets)


def wiring(world: World) -> Wiring:
    """The cables as they are plugged now, and who gets light."""
    cables = {(end, plugged.peer): plugged.rate_gbps for end, plugged in world.cabling.all()}
    ends = {end: peer for a, b in cables for end, peer in ((a, b), (b, a))}
    return Wiring(cables, frozenset(end for end, peer in ends.items() if world.emits(*peer)))


def speakers(world: World, at: Place) -> dict[str, Speaker]:
    """Who sends LLDP now, each as the world has it introduce itself."""
    site = world.site
    found: dict[str, Speaker | None] = {}
    for switch in site.switches:
        management, *panel = _switch_ports(site, switch)
        ports = {name: name for name in (management, *panel)}
        found[switch.name] = _speaker(world, at, switch.name, switch.name, ports, silent_too=True)
    for system in site.systems:
        ports = {port.name: port.name for port in system.ports}
        found[system.name] = _speaker(world, at, system.name, system.name, ports)
    for server in site.servers:
        slots: dict[str, list[PhysicalPort]] = {}
        for port in site.server_ports(server):
            if port.slot is not None:
                slots.setdefault(port.slot, []).append(port)
        for slot, ports in slots.items():
            place = f"{server.name}.{slot}" if part_of(ports[0]) else server.name
            interfaces = {port.name: interface_of(port) for port in ports}
            found[f"{server.name}.{slot}"] = _speaker(world, at, server.name, place, interfaces)
    return {name: speaker for name, speaker in found.items() if speaker is not None}


def _switch_ports(site: Site, switch: Switch) -> list[str]:
    model = site.switch_model(switch)
    return [model.management_port, *model.port_rates()]


def _speaker(
    world: World, at: Place, device: str, place: str, interfaces: Mapping[str, str], *, silent_too: bool = False
) -> Speaker | None:
    """None if no port sends. `interfaces`: by port; with `silent_too` also of ports that do not send now."""
    sent = {
        port: frame
        for port in interfaces
        if (frame := world.lldp_sent(device, port)) and _has_power(world, device, port)
    }
    if not sent:
        return None
    frame = next(iter(sent.values()))
    by_mac = frame.port_id.count(":") == 5
    return Speaker(
        namespace=at(place),
        interfaces=tuple(name for port, name in interfaces.items() if silent_too or port in sent),
        name=frame.system_name,
        description=frame.system_description,
        port_id="macaddress" if by_mac else "ifname",
        management=frame.management_address,
    )


def _has_power(world: World, device: str, port: str) -> bool:
    return device not in world.machines or world.emits(device, port)
