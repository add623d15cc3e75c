"""Sparse files and loop devices as a server's drives."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import Rejected
from lab.machines import drives
from lab.machines.drives import Drive

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
SIZE = 3840 * 10**9


@pytest.fixture
def folder(machines_level: None, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "drives"
    drives.detach(drives.devices_below(tmp_path / "drives"))


def test_a_drive_has_its_size_and_takes_no_space(folder: Path) -> None:
    drive = Drive("NVMe0", folder / "S1", SIZE)
    device = drives.attach(drive)
    told = subprocess.run(["blockdev", "--getsize64", str(device)], capture_output=True, text=True, check=True)
    assert int(told.stdout) == SIZE
    assert drive.file.stat().st_blocks == 0
    assert drive.file.stat().st_mode & 0o777 == 0o600


def test_attaching_again_finds_the_device_that_is_there(folder: Path) -> None:
    drive = Drive("NVMe0", folder / "S1", SIZE)
    assert drives.attach(drive) == drives.attach(drive)
    assert len(drives.devices_below(folder)) == 1


def test_what_is_written_outlives_the_device(folder: Path) -> None:
    drive = Drive("NVMe0", folder / "S1", SIZE)
    drives.attach(drive).open("r+b").write(b"marker-3308")
    drives.detach(drives.devices_below(folder))
    assert drives.devices_below(folder) == []
    assert drives.attach(drive).open("rb").read(11) == b"marker-3308"


def test_a_device_on_a_deleted_file_is_found_and_detached(folder: Path) -> None:
    drive = Drive("NVMe0", folder / "S1", SIZE)
    device = drives.attach(drive)
    drive.file.unlink()
    assert drives.devices_below(folder) == [device]
    drives.detach([device])
    assert drives.devices_below(folder) == []


def test_a_size_that_no_file_can_have_is_refused_with_the_way_out(folder: Path) -> None:
    with pytest.raises(Rejected, match="EDGEWRIGHT_HOME"):
        drives.attach(Drive("NVMe0", folder / "S1", 2**62))


def test_redfish_and_the_system_name_drives_alike() -> None:
    assert drives.node_of("NVMe3") == "/dev/nvme3n1"
