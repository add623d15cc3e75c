"""What a server boots from."""

import pytest

from lab.machines.booting import Disk, Live, Offers, Source, boot_order
from lab.virtual.options import Image

D0, D1 = Disk("NVMe0"), Disk("NVMe1")
USB, CD, NETWORK = Live(Image.AGENT, "usb"), Live(Image.AGENT, "cd"), Live(Image.AGENT, "network")
ALL = Offers(usb=Image.AGENT, cd=Image.AGENT, network=Image.AGENT)


@pytest.mark.parametrize(
    ("target", "offers", "expected"),
    [
        ("None", Offers(), (D0, D1)),
        ("None", ALL, (D0, D1, CD, USB, NETWORK)),
        ("Hdd", ALL, (D0, D1, CD, USB, NETWORK)),
        ("Usb", ALL, (USB, D0, D1, CD, NETWORK)),
        ("Cd", ALL, (CD, D0, D1, USB, NETWORK)),
        ("Pxe", ALL, (NETWORK, D0, D1, CD, USB)),
        ("UefiHttp", ALL, (NETWORK, D0, D1, CD, USB)),
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
