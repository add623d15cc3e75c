"""The namespaces of a site and the wires between them. Nothing of it touches the host's own network namespace.

The management namespace holds the addresses of BMCs and switches (on its own loopback, as level `sim` has them on the host's) and a
bridge to the servers' management ports. It has no default route and no wire to the host: what runs in it reaches the site and
nothing else. A server's namespace lasts from power-on to power-off, so that no boot finds what an earlier one left there.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network

from lab.machines import tools
from lab.machines.runs import NAMESPACES
from lab.virtual.sitefile import LAB_NETWORK, Server, mac_number, mac_text

HOSTS = IPv4Network("10.64.0.0/10")
"""Management addresses of operating systems: each server's is its BMC's with 10 in front."""
MANAGEMENT = IPv4Address("10.127.255.254")
BRIDGE = "hosts"
PORT = "mgmt0"
_PORT_MAC = 0xF0
"""From `mac_base` on: beyond any adapter's ports."""


def host_address(server: Server) -> IPv4Address:
    """Where the server's operating system answers on the management network."""
    return HOSTS[int(server.bmc.address) - int(LAB_NETWORK.network_address)]


def make_management(namespace: str) -> None:
    """The management namespace with its bridge."""
    tools.run("ip", "netns", "add", namespace)
    tools.batch(
        namespace,
        [
            "link set lo up",
            f"link add {BRIDGE} type bridge",
            f"addr add {MANAGEMENT}/{HOSTS.prefixlen} dev {BRIDGE}",
            f"link set {BRIDGE} up",
        ],
    )


def make_namespace(namespace: str) -> None:
    tools.run("ip", "netns", "add", namespace)
    tools.batch(namespace, ["link set lo up"])


def let_route(namespace: str) -> None:
    """As every switch does: whether anything is routed is up to addresses and routes."""
    on = "for of in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$of; done"
    tools.run("ip", "netns", "exec", namespace, "sh", "-c", on)


def link_up_to(management: str, namespace: str, interface: str, number: int) -> None:
    """A wire from an out-of-band switch into the management namespace, which passes nothing on.

    `number`: names its end there, `oob1` ...
    """
    end = f"oob{number}"
    tools.batch(management, [f"link add {end} type veth peer name {interface} netns {namespace}", f"link set {end} up"])


def plug_in(server: Server, namespace: str, management: str, number: int) -> None:
    """The server's namespace with its management port, which reaches the management namespace and no other server.

    The port has its address before the operating system is there, as by a lease that never changes.
    `number`: the server's place in the site file; names the other end of the wire.
    """
    tools.run("ip", "netns", "add", namespace)
    end = f"h{number}"
    mac = mac_text(mac_number(server.mac_base) + _PORT_MAC)
    tools.batch(
        management,
        [
            f"link add {end} type veth peer name {PORT} address {mac} netns {namespace}",
            f"link set {end} alias {server.name}",
            f"link set {end} master {BRIDGE}",
            f"link set {end} type bridge_slave isolated on",
            f"link set {end} up",
        ],
    )
    tools.batch(
        namespace,
        [
            "link set lo up",
            f"addr add {host_address(server)}/{HOSTS.prefixlen} dev {PORT}",
            f"link set {PORT} up",
        ],
    )


def pull_out(namespace: str, management: str, number: int) -> None:
    """Takes the wire and the namespace away. Running it again changes nothing."""
    tools.attempt("ip", "-n", management, "link", "delete", f"h{number}")
    if (NAMESPACES / namespace).exists():
        tools.run("ip", "netns", "delete", namespace)


def enter(namespace: str) -> None:
    """Moves this thread, and what it starts from now on, into the namespace. Open sockets stay where they were made."""
    descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.setns(descriptor, os.CLONE_NEWNET)
    finally:
        os.close(descriptor)


def inside[R](namespace: str, work: Callable[[], R]) -> R:
    """Does something in the namespace, on a thread that ends with it. Raises what the work raises."""
    with ThreadPoolExecutor(1, initializer=enter, initargs=(namespace,)) as there:
        return there.submit(work).result()
