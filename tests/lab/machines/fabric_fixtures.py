"""A small fabric for tests: switches configured through NVUE by our own client, and hosts that send packets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.machines import images, runs, tools
from lab.virtual.options import Image
from tests.lab.machines.machine_fixtures import MachinesSite, inside, machines_site

ROOT = Path(__file__).parents[3]
SITE = Path(__file__).with_name("fabric_site")
ASN = {"leaf-1": 65101, "leaf-2": 65102, "spine-1": 65199}
LOOPBACK = {"leaf-1": "10.10.10.1", "leaf-2": "10.10.10.2", "spine-1": "10.10.10.101"}
UPLINKS = {"leaf-1": ["swp31"], "leaf-2": ["swp31"], "spine-1": ["swp1", "swp2"]}


@dataclass
class Fabric:
    site: MachinesSite

    def configure(self, switch: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Stages and applies it as the product does; what became of the revision, whether or not it was taken."""
        spec, login = self.site.process.spec.switch_by_name[switch], self.site.process.spec.logins["switch"]
        arguments = [str(spec.address), str(self.site.process.nvue_port), login.user, login.password]
        module = [sys.executable, "-m", "tests.lab.machines.configure_switch", *arguments]
        done = subprocess.run(
            ["ip", "netns", "exec", self.site.namespace, *module],
            env=tools.environment(),
            cwd=ROOT,
            input=json.dumps(patch),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def apply(self, switch: str, patch: dict[str, Any]) -> str:
        """The id of the applied revision."""
        told = self.configure(switch, patch)
        assert told["state"] in ("applied", "applied_and_saved"), told
        return told["id"]

    def read(self, switch: str, path: str, rev: str = "operational") -> Any:
        """What NVUE answers; None for 404."""
        spec, login = self.site.process.spec.switch_by_name[switch], self.site.process.spec.logins["switch"]
        url = f"https://{spec.address}:{self.site.process.nvue_port}/nvue_v1{path}?rev={rev}"
        done = inside(self.site.namespace, "curl", "-sk", "-u", f"{login.user}:{login.password}", url)
        told = json.loads(done.stdout)
        return None if isinstance(told, dict) and told.get("status") == 404 else told

    def place(self, name: str) -> str:
        return f"ew{self.site.run_id}-{name}"

    def host(self, name: str, *addresses: str, gateway: str = "") -> None:
        """Gives a host these addresses and no others."""
        namespace = self.place(name)
        commands = ["addr flush dev eth1 scope global", *(f"addr add {address} dev eth1" for address in addresses)]
        commands += [f"route replace default via {gateway}"] if gateway else []
        tools.batch(namespace, commands)

    def carrier(self, place: str, interface: str) -> bool:
        (shown,) = json.loads(tools.run("ip", "-n", self.place(place), "-j", "link", "show", interface))
        return "LOWER_UP" in shown["flags"]

    def pings(self, source: str, target: str, *options: str) -> bool:
        """One packet and its answer, from a host or a switch, within a second; with the ping of an image, as this machine may have none."""
        root = images.made(Image.SWITCH)
        assert root is not None
        return inside(self.place(source), "chroot", str(root), "ping", "-c1", "-W1", *options, target).returncode == 0


def underlay(switch: str) -> dict[str, Any]:
    """A loopback, and BGP unnumbered towards the other tier."""
    neighbors = {port: {"type": "unnumbered", "peer-group": "underlay"} for port in UPLINKS[switch]}
    unicast = {"ipv4-unicast": {"enable": "on", "redistribute": {"connected": {"enable": "on"}}}}
    bgp = {
        "neighbor": neighbors,
        "peer-group": {"underlay": {"remote-as": "external"}},
        "path-selection": {"multipath": {"aspath-ignore": "on"}},
        "address-family": unicast,
    }
    return {
        "interface": {
            "lo": {"ip": {"address": {f"{LOOPBACK[switch]}/32": {}}}},
            **{port: {"bridge": {"domain": {"br_default": None}}} for port in UPLINKS[switch] if "leaf" in switch},
        },
        "router": {"bgp": {"enable": "on", "autonomous-system": ASN[switch], "router-id": LOOPBACK[switch]}},
        "vrf": {"default": {"router": {"bgp": {"enable": "on", **bgp}}}},
    }


@contextmanager
def small_fabric(folder: Path) -> Iterator[Fabric]:
    with machines_site(str(SITE), folder) as site:
        yield Fabric(site)


def namespaces(fabric: Fabric) -> set[str]:
    return {file.name for file in runs.NAMESPACES.glob(f"ew{fabric.site.run_id}-*")}


def overlay(switch: str) -> dict[str, Any]:
    """On top of the underlay: EVPN over its sessions; a leaf is the end of tunnels too."""
    families = {"address-family": {"l2vpn-evpn": {"enable": "on"}}}
    bgp = {"peer-group": {"underlay": families}, **families}
    patch: dict[str, Any] = {"evpn": {"enable": "on"}, "vrf": {"default": {"router": {"bgp": bgp}}}}
    if "leaf" in switch:
        patch["nve"] = {"vxlan": {"enable": "on", "source": {"address": LOOPBACK[switch]}}}
    return patch


def network(vlan: int, *ports: str) -> dict[str, Any]:
    """A network of a tenant, the same on whatever switch has ports in it: VNI = 10000 + VLAN."""
    member = {"bridge": {"domain": {"br_default": {"access": vlan}}}}
    return {
        "bridge": {"domain": {"br_default": {"vlan": {str(vlan): {"vni": {str(10_000 + vlan): {}}}}}}},
        "interface": dict.fromkeys(ports, member),
    }


def router(switch: str, tenant: str, l3vni: int, vlan: int, address: str) -> dict[str, Any]:
    """The tenant's VRF with one network's gateway in it."""
    unicast = {
        "enable": "on",
        "redistribute": {"connected": {"enable": "on"}},
        "route-export": {"to-evpn": {"enable": "on"}},
    }
    bgp = {
        "enable": "on",
        "autonomous-system": ASN[switch],
        "router-id": LOOPBACK[switch],
        "address-family": {"ipv4-unicast": unicast},
    }
    return {
        "interface": {f"vlan{vlan}": {"type": "svi", "vlan": vlan, "ip": {"vrf": tenant, "address": {address: {}}}}},
        "vrf": {tenant: {"evpn": {"enable": "on", "vni": {str(l3vni): {}}}, "router": {"bgp": bgp}}},
    }


def together(*patches: dict[str, Any]) -> dict[str, Any]:
    """One patch of several; unlike a configuration, a patch keeps its `null`s."""
    result: dict[str, Any] = {}
    for patch in patches:
        for key, value in patch.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = together(result[key], value) if both else value
    return result
