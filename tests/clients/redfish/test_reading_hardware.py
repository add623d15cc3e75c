"""What is read of a server, whatever its BMC's habits."""

import pytest

from clients.redfish import BmcTimeouts, RedfishBmcs
from domain.bmc import BmcBusy
from domain.hardware import NicMode, PowerState, ServerHardware
from tests.clients.redfish.conftest import FACTORY, Client

READABLE = (
    "plain",
    "strict-lockout",
    "no-expand",
    "basic-only",
    "no-etag",
    "busy-inventory",
    "few-sessions",
    "old-style",
)


def hardware_of(client: Client, device: str) -> ServerHardware:
    with client.opened(device) as bmc:
        return bmc.read_hardware()


def test_everything_that_onboarding_compares_is_read(client: Client) -> None:
    read = hardware_of(client, "plain")
    assert read.manufacturer == "Edgewright Lab"
    assert read.model == "MGX 2U x86 4x L40S"
    assert read.serial.startswith("EWT")
    assert read.power_state is PowerState.ON
    assert [cpu.slot for cpu in read.processors] == ["CPU0", "CPU1"]
    assert [gpu.slot for gpu in read.gpus] == ["GPU0", "GPU1", "GPU2", "GPU3"]
    assert {gpu.memory_gib for gpu in read.gpus} == {48.0}
    assert all(gpu.serial and gpu.uuid for gpu in read.gpus)
    assert len(read.memory) == 16
    assert read.memory_gib == 512
    assert [(drive.protocol, drive.capacity_gb) for drive in read.drives] == [("NVMe", 3840.0)] * 4
    assert {item.component for item in read.firmware} >= {"BMC", "BIOS", "GPU0", "dpu0", "NVMe0"}
    assert read.secure_boot is True
    assert [module.kind for module in read.trusted_modules if module.enabled] == ["TPM2_0"]
    assert read.bios["BootMode"] == "Uefi"
    assert read.power_w is not None
    assert read.power_w > 100
    assert read.energy_kwh is not None
    assert read.inlet_celsius is not None
    assert read.health == "OK"
    assert read.bmc.mac is not None
    assert read.missing == ()


def test_ports_carry_our_names_their_macs_and_their_speed(client: Client) -> None:
    read = hardware_of(client, "plain")
    assert [port.name for port in read.ports] == ["dpu0-p0", "dpu0-p1", "nic0-p0", "nic1-p0"]
    assert len({port.mac for port in read.ports} | {read.bmc.mac}) == 5
    assert [port.speed_gbps for port in read.ports] == [200, 200, 400, 400]


def test_dpu_supernic_and_nic_are_told_apart(client: Client) -> None:
    modes = {adapter.slot: adapter.mode for adapter in hardware_of(client, "plain").adapters}
    assert modes == {"dpu0": NicMode.DPU, "nic0": NicMode.SUPERNIC, "nic1": NicMode.SUPERNIC}
    assert hardware_of(client, "gh200").adapters[1].mode is NicMode.NIC


def test_an_arm_server_is_read_like_any_other(client: Client) -> None:
    read = hardware_of(client, "gh200")
    assert read.processors[0].architecture == "ARM"
    assert read.memory_gib == 480
    assert read.gpus[0].memory_gib == 96


@pytest.mark.parametrize("habit", READABLE)
def test_habits_do_not_change_what_is_read(client: Client, habit: str) -> None:
    plain, read = hardware_of(client, "plain"), hardware_of(client, habit)
    for part in ("processors", "gpus", "memory", "drives", "adapters"):
        assert [item.slot for item in getattr(plain, part)] == [item.slot for item in getattr(read, part)]
        assert [item.model for item in getattr(plain, part) if hasattr(item, "model")] == [
            item.model for item in getattr(read, part) if hasattr(item, "model")
        ]
    assert plain.firmware == read.firmware
    assert (read.secure_boot, len(read.ports), read.bios) == (plain.secure_boot, len(plain.ports), plain.bios)


def test_an_expanding_bmc_is_read_in_fewer_than_twelve_requests(client: Client) -> None:
    before = len(client.lab.requests("plain"))
    with client.bmcs.connect(client.endpoint("plain"), client.pin("plain")) as connection:
        with connection.log_in(FACTORY) as bmc:
            bmc.read_hardware()
        sent = connection.wire.requests_sent
    assert sent < 12
    assert len(client.lab.requests("plain")) - before == sent + 1, "the one more is the look at its certificate"


def test_what_a_bmc_does_not_offer_is_named_and_never_taken_for_absent_hardware(client: Client) -> None:
    read = hardware_of(client, "sparse")
    assert "trusted modules: not offered by this BMC" in read.missing
    assert len(read.gpus) == 4


def test_a_gpu_that_is_gone_is_simply_not_there(client: Client) -> None:
    client.lab.seed("gpu-missing", "victim", part="GPU2")
    read = hardware_of(client, "victim")
    assert [gpu.slot for gpu in read.gpus] == ["GPU0", "GPU1", "GPU3"]
    assert read.missing == ()


def test_one_resource_that_fails_is_named_and_the_rest_is_read(client: Client) -> None:
    client.lab.seed("error", "victim", path="/redfish/v1/UpdateService*", status=500)
    read = hardware_of(client, "victim")
    assert read.missing == ("firmware: the BMC failed at it",)
    assert read.firmware == ()
    assert len(read.gpus) == 4


def test_a_busy_firmware_inventory_is_waited_for_within_the_quirks_time(client: Client) -> None:
    assert hardware_of(client, "busy-inventory").firmware


def test_a_bmc_that_stays_busy_is_left_to_the_workflows_patience(client: Client) -> None:
    client.lab.seed("error", "victim", path="/redfish/v1/UpdateService*", status=503)
    impatient = RedfishBmcs(BmcTimeouts(patience_s=0.2, pause_s=0.05), sleep=lambda _s: None)
    with client.opened("victim", bmcs=impatient) as bmc, pytest.raises(BmcBusy) as busy:
        bmc.read_hardware()
    assert busy.value.retry_after_s


def test_the_nameplate_alone_is_much_cheaper(client: Client) -> None:
    with client.opened("plain") as bmc:
        plate = bmc.read_nameplate()
    whole = hardware_of(client, "plain")
    assert (plate.serial, plate.mac, plate.model) == (whole.serial, whole.bmc.mac, whole.model)
