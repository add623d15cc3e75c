"""The agent on real machines: booted by the BMC, looks around, tests, installs, erases."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.agent import AgentClient
from domain.agent import (
    AgentDriveBusy,
    AgentDriveMissing,
    AgentJobFailed,
    AgentJobUnfinished,
    AgentOfAnotherBoot,
)
from domain.agent_work import DriveMark, HardwareTest, ImageWrite, PlacedFile, TestName, Wipe, WipeMethod
from domain.bmc_work import ErasableDrive, EraseMethod
from domain.sanitisation import (
    DriveFault,
    ErasedDrive,
    ErasePolicy,
    ExpectedDrive,
    judge_sanitisation,
    plan_sanitisation,
)
from lab.machines import packed
from lab.machines.login import login_key
from tests.lab.machines.agent_fixtures import PATIENCE_S, SERVERS_SEE_US_AT, Site, site_with_boot_server
from tests.lab.machines.machine_fixtures import MachinesSite, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
NAME = "r1-s01"


@dataclass
class Booted:
    """A server that runs the agent, which was read over UEFI HTTP."""

    site: Site
    agent: AgentClient
    source: str


@pytest.fixture(scope="module")
def booted(one: MachinesSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with site_with_boot_server(one, tmp_path_factory.mktemp("booted")) as site:
        ticket = site.ticket(NAME)
        url, boots = site.boots.url(SERVERS_SEE_US_AT, site.medium(ticket)), len(one.boots(NAME))
        site.boot_from(NAME, "UefiHttp", HttpBootUri=url)
        source = one.wait_for_boot(NAME, boots + 1)
        with site.agent(ticket) as agent:
            yield Booted(site, agent, source.replace(url, "URL"))


def serial_of(agent: AgentClient, node: str = "/dev/nvme0n1") -> str:
    return next(drive.serial for drive in agent.read_inventory().drives if drive.node == node)


def file_of(site: MachinesSite, serial: str) -> Path:
    return site.options.home / "lab/sites/lab-one-ru/drives" / serial


def test_a_rack_server_boots_the_agent_from_its_bmcs_virtual_drive_and_is_looked_at_from_inside(
    rack: MachinesSite, tmp_path: Path
) -> None:
    with site_with_boot_server(rack, tmp_path) as site, site.agent_on("r1-s02") as agent:
        spec = rack.process.spec.server_by_name["r1-s02"]
        assert agent.identity().serial == spec.serial
        seen = agent.read_inventory()
        assert seen.missing == ()
        system = rack.redfish("r1-s02", "GET", "/redfish/v1/Systems/system")[1]
        assert (seen.identity.uuid, seen.identity.model) == (system["UUID"], system["Model"])
        told = {drive["serial"] for drive in rack.process.call("GET", "/devices/r1-s02")["drives"]}
        assert {drive.serial for drive in seen.drives} == told
        assert {drive.size_bytes for drive in seen.drives} == {3840 * 10**9}
        nics = {nic.name: nic for nic in seen.nics}
        assert nics["nic0-p0"].mac == "02:e3:40:01:02:03"
        assert nics["nic0-p0"].link_up

        def heard() -> dict[str, tuple[str, str]]:
            return {n.nic: (n.system_name, n.port_id) for n in agent.read_inventory().neighbors}

        expected = {"nic0-p0": ("r1-leaf-a", "swp18"), "nic1-p0": ("r1-leaf-b", "swp18")}
        wait_until(lambda: heard() == expected, "both leaves are heard on the server's NICs", 30)


def test_it_tests_installs_and_what_it_installed_boots_until_it_is_erased(one: MachinesSite, tmp_path: Path) -> None:
    key = login_key(one.options.home / "lab/sites/lab-one-ru").with_suffix(".pub").read_text()
    image = packed.disk_image()
    digest = hashlib.sha256(image.read_bytes()).hexdigest()

    with site_with_boot_server(one, tmp_path) as site:
        url = site.boots.url(SERVERS_SEE_US_AT, site.boots.offer(image))
        with site.agent_on(NAME) as agent:
            serial = serial_of(agent)
            for name, drive in ((TestName.CPU, ""), (TestName.MEMORY, ""), (TestName.DRIVE_WRITE, serial)):
                order = HardwareTest(key=f"test-{name}", name=name, seconds=0.5, memory_mib=64, drive=drive)
                assert agent.run_test(order, patience_s=PATIENCE_S).passed
            assert file_of(one, serial).stat().st_blocks > 0
            files = (
                PlacedFile(path="/etc/hostname", content="installed-by-the-agent\n"),
                PlacedFile(path="/root/.ssh/authorized_keys", content=key, mode="0600"),
            )
            order = ImageWrite(key="write-1", drive=serial, url=url, sha256=digest, packing="gzip", files=files)
            written = agent.write_image(order, patience_s=PATIENCE_S)
            assert written.image_bytes == 512 << 20
            assert agent.write_image(order, patience_s=PATIENCE_S) == written  # the same order is found done

        boots = len(one.boots(NAME))
        site.boot_from(NAME, "Hdd")
        assert one.wait_for_boot(NAME, boots + 1) == "disk NVMe0"
        one.wait_for_ssh(NAME)
        assert one.ssh(NAME, "cat /etc/hostname; findmnt -no FSTYPE /").stdout.split() == [
            "installed-by-the-agent",
            "ext4",
        ]
        one.ssh(NAME, "yes marker-6620 | head -c 4M > /root/secret; sync")
        assert holds(file_of(one, serial), b"marker-6620")

        with site.agent_on(NAME) as agent:
            assert len(agent.read_samples(serial, count=512).left) > 0
            wiped = agent.wipe_drive(Wipe(key="erase-1", drive=serial), patience_s=PATIENCE_S)
            assert (wiped.serial, wiped.method) == (serial, WipeMethod.DISCARD)
            assert agent.read_samples(serial, count=512).left == ()
            assert "reading 1024 samples" in "".join(agent.read_job("erase-1").log)
        assert is_empty(file_of(one, serial))
        assert file_of(one, serial).stat().st_blocks == 0


def blocks_of(file: Path) -> Iterator[bytes]:
    """All that is in a sparse file, without its holes."""
    at = 0
    with file.open("rb", buffering=0) as drive, contextlib.suppress(OSError):  # no more data: ENXIO
        while True:
            at = os.lseek(drive.fileno(), at, os.SEEK_DATA)
            until = os.lseek(drive.fileno(), at, os.SEEK_HOLE)
            while at < until:
                block = os.pread(drive.fileno(), min(1 << 20, until - at), at)
                yield block
                at += len(block)


def holds(file: Path, marker: bytes) -> bool:
    return any(marker in block for block in blocks_of(file))


def is_empty(file: Path) -> bool:
    return not any(block.strip(b"\0") for block in blocks_of(file))


def test_it_refuses_what_it_cannot_do_and_says_why(one: MachinesSite, booted: Booted, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.img"
    wrong.write_bytes(b"not an operating system" * 100)

    site, agent = booted.site, booted.agent
    url = site.boots.url(SERVERS_SEE_US_AT, site.boots.offer(wrong))
    serial = serial_of(agent)
    with pytest.raises(AgentDriveMissing, match=f"There is no single drive S-GONE.*{serial}"):
        agent.wipe_drive(Wipe(key="e", drive="S-GONE"), patience_s=5)
    order = ImageWrite(key="w-1", drive=serial, url=url, sha256="0" * 64)
    with pytest.raises(AgentJobFailed, match="is not the image that was ordered"):
        agent.write_image(order, patience_s=PATIENCE_S)
    with pytest.raises(AgentJobFailed, match="cannot be had: Not Found"):
        agent.write_image(order.model_copy(update={"key": "w-2", "url": url + "x"}), patience_s=PATIENCE_S)
    digest = hashlib.sha256(wrong.read_bytes()).hexdigest()
    file = PlacedFile(path="/etc/hostname", content="x")
    order = ImageWrite(key="w-3", drive=serial, url=url, sha256=digest, files=(file,))
    with pytest.raises(AgentJobFailed, match="No root file system was found"):
        agent.write_image(order, patience_s=PATIENCE_S)
    one.ssh(NAME, "mkfs.ext4 -q /dev/nvme0n1 64M && mount /dev/nvme0n1 /mnt")
    with pytest.raises(AgentJobFailed, match="is mounted; nothing was done to it"):
        agent.wipe_drive(Wipe(key="e-2", drive=serial), patience_s=PATIENCE_S)
    one.ssh(NAME, "umount /mnt")
    long = HardwareTest(key="long", name=TestName.CPU, seconds=3, drive=serial)
    with pytest.raises(AgentDriveBusy, match="is worked on by the job long"):
        two_at_once(agent, long, Wipe(key="e-3", drive=serial))
    assert agent.run_test(long, patience_s=PATIENCE_S).passed


def two_at_once(agent: AgentClient, first: HardwareTest, second: Wipe) -> None:
    with pytest.raises(AgentJobUnfinished, match="% of long"):
        agent.run_test(first, patience_s=0)
    agent.wipe_drive(second, patience_s=5)


def test_only_who_has_the_ticket_of_this_boot_speaks_to_it(one: MachinesSite, booted: Booted) -> None:
    assert booted.source == "URL via network"
    host = booted.site.boots.wait_for(booted.agent.identity().boot, patience_s=1).host
    with booted.site.client(host, booted.site.ticket(NAME)) as stranger, pytest.raises(AgentOfAnotherBoot):
        stranger.read_inventory()
    assert one.ssh(NAME, "curl -sk https://127.0.0.1:8443/v1/inventory").stdout.startswith('{"error": "token-refused"')


def test_the_bmcs_erase_really_empties_the_disk_and_a_lying_drive_is_found_out(
    one: MachinesSite, booted: Booted
) -> None:
    site, agent = booted.site, booted.agent
    drives = {drive["name"]: drive["serial"] for drive in one.process.call("GET", f"/devices/{NAME}")["drives"]}
    offered = [
        ErasableDrive(slot=name, serial=serial, methods=(EraseMethod.CRYPTOGRAPHIC,)) for name, serial in drives.items()
    ]
    recorded = [ExpectedDrive(slot=name, serial=serial) for name, serial in drives.items()]
    plan = plan_sanitisation(recorded, offered, agent.read_inventory().drives, ErasePolicy())
    assert plan.faults == ()

    marks = {
        serial: agent.mark_drive(DriveMark(key=f"mark-{serial}", drive=serial, seed=5), patience_s=PATIENCE_S)
        for serial in drives.values()
    }
    one.ssh(NAME, "yes marker-9041 | head -c 1M | dd of=/dev/nvme0n1 bs=1M seek=777 conv=notrunc,fsync")
    assert holds(file_of(one, drives["NVMe0"]), b"marker-9041")
    one.process.call("POST", "/faults", {"kind": "drive-lies-erase", "target": NAME, "arguments": {"part": "NVMe1"}})
    for name in drives:
        erase = f"/redfish/v1/Chassis/chassis/Drives/{name}/Actions/Drive.SecureErase"
        site.do(NAME, "POST", erase, {"SanitizationType": "CryptographicErase"})
    for name in drives:
        shown = f"/redfish/v1/Chassis/chassis/Drives/{name}"
        wait_until(lambda at=shown: not one.redfish(NAME, "GET", at)[1].get("Operations"), f"{name} says Done", 20)
    one.process.call("DELETE", "/faults")

    # Looked for on the file behind the drive, and by the agent on the raw device.
    assert is_empty(file_of(one, drives["NVMe0"]))
    assert not is_empty(file_of(one, drives["NVMe1"]))
    done = [
        ErasedDrive(
            serial=serial,
            by="firmware",
            method=EraseMethod.CRYPTOGRAPHIC,
            marks=marks[serial],
            after=agent.read_samples(serial, seed=5),
            seed=5,
        )
        for serial in drives.values()
    ]
    judged = judge_sanitisation("lab-one-ru", "EWL1U0001", "op-1", plan, done)
    assert not judged.complete
    assert [(fault.serial, fault.fault) for fault in judged.faults] == [(drives["NVMe1"], DriveFault.STILL_THERE)]
    assert [entry.subjects for entry in judged.evidence] == [("EWL1U0001", drives["NVMe0"])]
    agent.wipe_drive(Wipe(key="clean", drive=drives["NVMe1"]), patience_s=PATIENCE_S)
    assert is_empty(file_of(one, drives["NVMe1"]))
