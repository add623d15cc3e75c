"""A server whose BMC has a real machine behind it: power, boot sources, disks, and that nobody can get out."""

import socket
from pathlib import Path

import pytest

from lab.machines import runs
from lab.machines.facts import cgroup_mounts
from tests.lab.machines.machine_fixtures import MachinesSite, inside, wait_until

pytestmark = [pytest.mark.machines, pytest.mark.xdist_group("machines")]
NAME = "r1-s01"
INSTALL = (
    "mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 /dev/nvme0n1 2G && mount /dev/nvme0n1 /mnt && "
    "cp -ax /. /mnt/ && rm /mnt/etc/ssh/ssh_host_* && umount /mnt"
)


_REFUSED = 7
"""curl's exit code."""


def system(site: MachinesSite) -> str:
    return site.redfish(NAME, "GET", "/redfish/v1/Systems/system")[1]["PowerState"]


def reset(site: MachinesSite, kind: str) -> None:
    path = "/redfish/v1/Systems/system/Actions/ComputerSystem.Reset"
    code, told = site.redfish(NAME, "POST", path, {"ResetType": kind})
    assert code < 300, told


def ensure_on(site: MachinesSite) -> None:
    if site.power_state(NAME) != "On":
        site.power(NAME, "on")
        site.wait_for_power(NAME, "On")
    site.wait_for_ssh(NAME)


def carrier(site: MachinesSite) -> bool:
    return "LOWER_UP" in inside(site.namespace, "ip", "-o", "link", "show", "h1").stdout


def processes_of(site: MachinesSite) -> list[str]:
    told = inside(site.namespace, "sh", "-c", f"cat /sys/fs/cgroup/pids/ew{site.run_id}/{NAME}/cgroup.procs")
    return told.stdout.split()


def test_it_boots_systemd_and_every_unit_is_well(server: MachinesSite) -> None:
    ensure_on(server)
    state = server.ssh(NAME, "systemctl", "is-system-running", "--wait", check=False).stdout.strip()
    assert state == "running", server.ssh(NAME, "systemctl", "--failed", check=False).stdout
    assert server.ssh(NAME, "hostname").stdout.strip() == NAME


def test_its_drives_have_the_sizes_of_the_site_file_and_keep_no_space(server: MachinesSite) -> None:
    ensure_on(server)
    sizes = server.ssh(NAME, "blockdev", "--getsize64", "/dev/nvme0n1", "/dev/nvme1n1").stdout.split()
    assert sizes == [str(3840 * 10**9)] * 2


def test_what_is_written_is_found_again_and_erasing_gives_the_space_back(server: MachinesSite) -> None:
    ensure_on(server)
    drive = max((server.options.home / "lab/sites/lab-one-ru/drives").iterdir(), key=lambda file: file.name)
    place = "bs=1M seek=5000 conv=fsync,notrunc of=/dev/nvme0n1"
    server.ssh(NAME, f"blkdiscard -f /dev/nvme0n1; yes marker-5417 | head -c 8M | dd {place} iflag=fullblock")
    reset(server, "ForceOff")
    server.wait_for_power(NAME, "Off")
    ensure_on(server)
    read = "dd if=/dev/nvme0n1 bs=1M skip=5000 count=1 iflag=direct status=none"
    assert "marker-5417" in server.ssh(NAME, f"{read} | head -c 20").stdout
    files = list(drive.parent.iterdir())
    assert sum(file.stat().st_blocks for file in files) * 512 >= 8 * 2**20
    server.ssh(NAME, "blkdiscard -f /dev/nvme0n1 2>/dev/null")
    assert server.ssh(NAME, f"{read} | tr -d '\\0' | wc -c").stdout.strip() == "0"
    assert sum(file.stat().st_blocks for file in files) == 0


def test_off_leaves_no_process_no_link_and_no_namespace(server: MachinesSite) -> None:
    ensure_on(server)
    assert carrier(server)
    reset(server, "ForceOff")
    wait_until(lambda: system(server) == "Off", "the BMC says Off")
    wait_until(lambda: not (runs.NAMESPACES / f"ew{server.run_id}-{NAME}").exists(), "the namespace is gone", 5)
    assert not carrier(server)
    assert processes_of(server) == []
    assert not server.answers(NAME)


def test_a_graceful_shutdown_is_an_order_to_the_system_inside(server: MachinesSite) -> None:
    ensure_on(server)
    server.ssh(NAME, "systemctl", "is-system-running", "--wait", check=False)
    reset(server, "GracefulShutdown")
    server.wait_for_power(NAME, "Off")
    console = (runs.FOLDER / server.run_id / NAME / "console").read_text(errors="replace")
    assert "System Power Off" in console.rpartition("Multi-User System")[2]


def test_the_bmc_sees_a_system_that_powers_itself_off(server: MachinesSite) -> None:
    ensure_on(server)
    server.ssh(NAME, "poweroff", check=False)
    wait_until(lambda: system(server) == "Off", "the BMC says Off")


def test_it_boots_what_was_installed_and_nothing_once_that_is_erased(server: MachinesSite) -> None:
    ensure_on(server)
    server.ssh(NAME, "blkdiscard -f /dev/nvme0n1")
    server.ssh(NAME, INSTALL)
    key = server.ssh(NAME, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout
    boots = len(server.boots(NAME))
    server.ssh(NAME, "reboot", check=False)
    assert server.wait_for_boot(NAME, boots + 1) == "disk NVMe0"
    server.wait_for_ssh(NAME)
    assert server.ssh(NAME, "findmnt -no FSTYPE /").stdout.strip() == "ext4"
    assert server.ssh(NAME, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout != key
    # Once by the stick, although the disk is bootable; the override is used up by that boot.
    body = {"Boot": {"BootSourceOverrideTarget": "Usb", "BootSourceOverrideEnabled": "Once"}}
    assert server.redfish(NAME, "PATCH", "/redfish/v1/Systems/system", body)[0] < 300
    reset(server, "ForceRestart")
    assert server.wait_for_boot(NAME, boots + 2) == "image agent via usb"
    server.wait_for_ssh(NAME)
    server.ssh(NAME, "blkdiscard -f /dev/nvme0n1")
    server.process.call("POST", f"/devices/{NAME}/stick", {"image": None})
    reset(server, "ForceRestart")
    assert server.wait_for_boot(NAME, boots + 3) == "nothing bootable"
    assert system(server) == "On"
    assert not server.answers(NAME)
    server.process.call("POST", f"/devices/{NAME}/stick", {"image": "agent"})
    reset(server, "ForceOff")
    server.wait_for_power(NAME, "Off")


def test_a_drive_that_was_taken_out_is_not_there_after_the_next_boot(server: MachinesSite) -> None:
    ensure_on(server)
    server.process.call("POST", "/faults", {"kind": "drive-missing", "target": NAME, "arguments": {"part": "NVMe0"}})
    reset(server, "ForceOff")
    server.wait_for_power(NAME, "Off")
    ensure_on(server)
    assert server.ssh(NAME, "ls /dev/nvme*").stdout.split() == ["/dev/nvme1n1"]
    server.process.call("DELETE", "/faults")
    reset(server, "ForceOff")
    server.wait_for_power(NAME, "Off")
    ensure_on(server)
    assert server.ssh(NAME, "ls /dev/nvme*").stdout.split() == ["/dev/nvme0n1", "/dev/nvme1n1"]


def test_the_cord_takes_the_machine_with_it(server: MachinesSite) -> None:
    ensure_on(server)
    server.power(NAME, "pull")
    wait_until(lambda: not server.answers(NAME), "it is gone", 5)
    assert inside(server.namespace, "curl", "-sk", "https://127.64.0.11/redfish/v1").returncode != 0
    server.power(NAME, "plug")


def test_the_management_namespace_has_no_way_out_and_no_way_in(server: MachinesSite) -> None:
    assert inside(server.namespace, "ip", "route", "show", "default").stdout == ""
    for address in ("1.1.1.1", "10.0.0.1", "172.17.0.1", "192.168.0.1", "2001:db8::1"):
        assert "unreachable" in inside(server.namespace, "ip", "route", "get", address).stderr, address
    port = server.process.admin.rpartition(":")[2]  # of the host's loopback, open there
    assert inside(server.namespace, "curl", "-s", f"http://127.0.0.1:{port}/").returncode == _REFUSED
    assert inside(server.namespace, "curl", "-sk", "https://127.64.0.11/redfish/v1").returncode == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.64.0.11", server.process.redfish_port)) != 0


@pytest.mark.skipif(
    not any((mount / "devices.deny").parent.name == "devices" for mount, _ in cgroup_mounts()),
    reason="cgroup v2 has no file to keep a machine from devices by",
)
def test_a_machine_cannot_reach_the_disks_of_this_machine(server: MachinesSite) -> None:
    ensure_on(server)
    foreign = [disk for disk in Path("/sys/class/block").iterdir() if not disk.name.startswith("loop")]
    for disk in foreign:
        number = (disk / "dev").read_text().strip().replace(":", " ")
        tried = server.ssh(NAME, f"mknod /run/foreign b {number} && head -c 512 /run/foreign", check=False)
        assert "not permitted" in tried.stderr, disk
