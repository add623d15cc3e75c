"""Our client against OpenStack's emulator: a BMC written by others. What it does not offer is told, never guessed.

docs/lab.md lists what fails and why. The emulator's power takes real seconds; nothing here hurries it.
"""

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from clients.redfish import BmcTimeouts, RedfishBmc, RedfishBmcs
from domain.bmc import BmcCertificateChanged, BmcLoginRefused, BmcResourceMissing, Certificates, Endpoint
from domain.bmc_setup import BootNotTaken, BootOverride, BootTarget
from domain.hardware import PowerState
from tests.clients.redfish.sushy_tools import LOGIN, UUID, emulator
from tests.lab.virtual.image_server import images

BMCS = RedfishBmcs(BmcTimeouts(connect_s=5, read_s=60), sleep=time.sleep)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with emulator(tmp_path_factory.mktemp("sushy")) as running:
        yield running


@pytest.fixture
def bmc(endpoint: Endpoint) -> Iterator[RedfishBmc]:
    with BMCS.connect(endpoint, pinned(endpoint)) as connection, connection.log_in(LOGIN) as logged_in:
        yield logged_in


def pinned(endpoint: Endpoint) -> Certificates:
    return Certificates(sha256=BMCS.identify(endpoint).certificate_sha256)


def test_it_answers_and_names_neither_vendor_nor_product(endpoint: Endpoint) -> None:
    assert BMCS.answering((endpoint.address,), timeout_s=30, at_once=1) == (endpoint.address,)
    identity = BMCS.identify(endpoint)
    assert (identity.vendor, identity.product, identity.redfish_version) == ("", "", "1.5.0")
    assert len(identity.certificate_sha256) == 64


def test_another_certificate_than_the_pinned_one_is_sent_nothing(endpoint: Endpoint) -> None:
    with pytest.raises(BmcCertificateChanged):
        BMCS.connect(endpoint, Certificates(sha256="0" * 64))


def test_a_wrong_password_is_a_refused_login(endpoint: Endpoint) -> None:
    wrong = LOGIN.model_copy(update={"password": SecretStr("EWSECRET-wrong")})
    with (
        BMCS.connect(endpoint, pinned(endpoint)) as connection,
        pytest.raises(BmcLoginRefused, match="refused the login"),
    ):
        connection.log_in(wrong)


def test_without_a_session_service_the_login_is_basic_and_leaves_nothing_behind(bmc: RedfishBmc) -> None:
    assert not bmc.must_change_password
    assert bmc.account_policy().lockout_threshold is None


def test_what_it_offers_is_read_and_each_gap_is_named(bmc: RedfishBmc) -> None:
    found = bmc.read_hardware()
    assert (found.uuid, found.manufacturer, found.health) == (UUID, "Sushy Emulator", "OK")
    assert found.serial, "taken from the chassis: its system has none"
    assert found.secure_boot is False
    assert found.inlet_celsius == 25
    assert set(found.missing) == {
        "processors: not offered by this BMC",
        "bios: not offered by this BMC",
        "memory: refused with 404 [Base.1.0.GeneralError]",
        "drives: the BMC failed at it",
        "network adapters: not offered by this BMC",
        "firmware: refused with 404 [Base.1.0.GeneralError]",
        "trusted modules: not offered by this BMC",
        "power reading: not offered by this BMC",
    }
    parts = (found.processors, found.gpus, found.memory, found.drives, found.adapters, found.firmware)
    assert parts == ((),) * 6


def test_its_password_cannot_be_changed_and_that_is_said(bmc: RedfishBmc) -> None:
    with pytest.raises(BmcResourceMissing, match="has no account service"):
        bmc.change_password(SecretStr("EWSECRET-new"))


def test_it_is_known_by_its_system_and_its_slow_power_is_waited_for(bmc: RedfishBmc) -> None:
    """It answers 204 and moves up to 11 s later: without the quirk a patience of 0 s would end at the first look."""
    before = bmc.power_state()
    wanted = PowerState.OFF if before is PowerState.ON else PowerState.ON
    moved = bmc.ensure_power(wanted, patience_s=0)
    assert (moved.changed, moved.before, moved.power_state) == (True, before, wanted)
    assert not bmc.ensure_power(wanted, patience_s=0).changed


def test_an_image_goes_into_its_virtual_drive_once(bmc: RedfishBmc) -> None:
    with images() as served:
        image = served.put("/agent.iso", b"iso" * 1000)
        assert bmc.insert_media(image).changed
        assert not bmc.insert_media(image).changed
    assert bmc.eject_media()
    assert not bmc.eject_media()


def test_its_boot_source_is_set_and_read_back_and_that_it_knows_no_once_is_told(bmc: RedfishBmc) -> None:
    always = BootOverride(target=BootTarget.CD, once=False)
    assert bmc.set_boot(always)
    assert not bmc.set_boot(always)
    with pytest.raises(BootNotTaken, match=r"reads back Cd \(Continuous\)"):
        bmc.set_boot(BootOverride(target=BootTarget.CD))
    assert bmc.set_boot(BootOverride(target=BootTarget.DISK, once=False))
