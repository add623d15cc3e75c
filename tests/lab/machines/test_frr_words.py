"""FRR itself judges the words that a configuration is written in: `vtysh --dryrun` out of the image, without any daemon."""

import subprocess
from typing import Any

import pytest

from lab.machines import images, tools
from lab.machines.switching.frr import configuration
from lab.virtual.options import Image
from lab.virtual.switch.forwarding import read
from lab.virtual.switch.schema import schema_for

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
CHECK = (
    'mount -t tmpfs check "$0/mnt" && cat > "$0/mnt/frr.conf" && chroot "$0" vtysh --dryrun --inputfile /mnt/frr.conf'
)

# Everything that is translated, in one configuration.
WHOLE: dict[str, Any] = {
    "router": {"bgp": {"enable": "on", "autonomous-system": 65101, "router-id": "10.10.10.1"}},
    "interface": {"lo": {"ip": {"address": {"10.10.10.1/32": {}, "2001:db8::1/128": {}}}}, "swp31": {}, "swp32": {}},
    "nve": {"vxlan": {"enable": "on", "source": {"address": "10.10.10.1"}}},
    "evpn": {"enable": "on"},
    "vrf": {
        "default": {"router": {
            "static": {
                "10.50.0.0/16": {"via": {"blackhole": {"type": "blackhole"}}, "distance": {"7": {"via": {"10.0.0.9": {}}}}},
                "2001:db8:50::/48": {"via": {"2001:db8::9": {}}},
                "10.51.0.0/16": {"via": {"swp32": {"type": "interface"}}},
                "10.52.0.0/16": {"via": {"reject": {"type": "reject"}}},
            },
            "bgp": {
                "enable": "on",
                "neighbor": {
                    "swp31": {"type": "unnumbered", "peer-group": "fabric", "timers": {"keepalive": 1, "hold": 3}},
                    "swp32": {"type": "unnumbered", "remote-as": "internal", "shutdown": "on"},
                    "10.0.0.2": {"remote-as": 65002, "update-source": "lo", "multihop-ttl": 4,
                                 "timers": {"connection-retry": 5, "route-advertisement": 1}},
                    "10.0.0.3": {"peer-group": "nobody"},
                },
                "peer-group": {
                    "fabric": {"remote-as": "external", "address-family": {"l2vpn-evpn": {"enable": "on"},
                                                                           "ipv6-unicast": {"enable": "on"}}},
                    "nobody": {},
                },
                "path-selection": {"multipath": {"aspath-ignore": "on"}},
                "address-family": {
                    "ipv4-unicast": {"enable": "on", "network": {"10.50.0.0/16": {}},
                                     "redistribute": {"connected": {"enable": "on"}, "static": {"enable": "on"}}},
                    "ipv6-unicast": {"enable": "on", "redistribute": {"connected": {"enable": "on"}}},
                    "l2vpn-evpn": {"enable": "on"},
                },
            },
        }},
        "tenant-a": {
            "evpn": {"enable": "on", "vni": {"50001": {}}},
            "router": {
                "static": {"10.60.0.0/16": {"via": {"10.0.0.1": {}}}},
                "bgp": {
                    "enable": "on", "rd": "10.10.10.1:5",
                    "route-import": {"from-evpn": {"route-target": {"65101:50001": {}}}},
                    "route-export": {"to-evpn": {"route-target": {"65101:50001": {}}}},
                    "address-family": {"ipv4-unicast": {"enable": "on", "route-export": {"to-evpn": {"enable": "on"}}},
                                       "ipv6-unicast": {"enable": "on", "route-export": {"to-evpn": {"enable": "on"}}}},
                },
            },
        },
    },
}  # fmt: skip


def refused(text: str) -> str:
    """What FRR says about a configuration; empty if it takes every line."""
    root = images.made(Image.SWITCH)
    assert root is not None
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", CHECK, str(root)],
        env=tools.environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) == (done.stdout + done.stderr == "")
    return done.stdout + done.stderr


def test_frr_takes_every_line_of_everything_that_is_translated() -> None:
    assert schema_for("5.11").problems(WHOLE) == []
    text = configuration("leaf-1", read(WHOLE))
    for words in (
        "remote-as internal",
        "route-target export",
        "ebgp-multihop 4",
        "ipv6 route",
        " advertise ipv6 unicast",
    ):
        assert words in text
    assert refused(text) == ""


def test_a_line_that_frr_does_not_know_is_named() -> None:
    assert "Unknown command" in refused(
        configuration("leaf-1", read(WHOLE)).replace("route-target export", "route-target tell")
    )
