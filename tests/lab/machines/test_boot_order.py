"""What a server boots from."""

import pytest

from lab.machines.booting import Disk, Offers, Remote, Source, Stick, boot_order
from lab.virtual.options import Image

D0, D1 = Disk("NVMe0"), Disk("NVMe1")
URL = "http://127.0.0.1:8000/agent.iso"
STICK, USB, CD, NETWORK = (
    Stick(Image.AGENT),
    Remote(URL, "usb", "USB1"),
    Remote(URL, "cd", "CD1"),
    Remote(URL, "network"),
)
ALL = Offers(stick=STICK, usb=USB, cd=CD, network=NETWORK)


@pytest.mark.parametrize(
    ("target", "offers", "expected"),
    [
        ("None", Offers(), (D0, D1)),
        ("None", ALL, (D0, D1, CD, STICK, USB, NETWORK)),
        ("Hdd", ALL, (D0, D1, CD, STICK, USB, NETWORK)),
        ("Usb", ALL, (STICK, USB, D0, D1, CD, NETWORK)),
        ("Cd", ALL, (CD, D0, D1, STICK, USB, NETWORK)),
        ("UefiHttp", ALL, (NETWORK, D0, D1, CD, STICK, USB)),
        ("Pxe", Offers(), (D0, D1)),
        ("Cd", Offers(), (D0, D1)),
        ("BiosSetup", ALL, ()),
        ("UefiShell", ALL, ()),
    ],
)
def test_an_override_comes_first_and_the_usual_order_follows(
    target: str, offers: Offers, expected: tuple[Source, ...]
) -> None:
    assert boot_order(target, ["NVMe0", "NVMe1"], offers) == expected


def test_a_server_without_drives_and_offers_has_nothing_to_boot() -> None:
    assert boot_order("None", [], Offers()) == ()
