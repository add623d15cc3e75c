"""What this machine can do, looked up one by one: a feature counts only if it was seen to work or seen to be there.

What needs a kernel feature is tried in namespaces of its own that end with the trial. An ordinary user tries in a user namespace;
where that is not allowed the fact is unknown, and says so.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from domain.model import Model

TRIAL_S = 10.0
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_CAP_SYS_ADMIN = 21
_KVM_GET_API_VERSION, _KVM_API_VERSION = 0xAE00, 12
_LOOP_CTL_GET_FREE = 0x4C82


class Fact(Model):
    """One thing that was looked up. `found` says what was seen; `package` is the Debian package that brings what is missing."""

    name: str
    ok: bool
    found: str
    package: str = ""


@dataclass(frozen=True)
class Program:
    name: str
    package: str


PROGRAMS = {
    program.name: program
    for program in (
        Program("systemd-nspawn", "systemd-container"),
        Program("mmdebstrap", "mmdebstrap"),
        Program("ip", "iproute2"),
        Program("tc", "iproute2"),
        Program("losetup", "mount"),
        Program("unshare", "util-linux"),
        Program("nsenter", "util-linux"),
        Program("setpriv", "util-linux"),
        Program("mkfs.ext4", "e2fsprogs"),
        Program("ssh", "openssh-client"),
        Program("ssh-keygen", "openssh-client"),
        Program("mksquashfs", "squashfs-tools"),
        Program("linux.uml", "user-mode-linux"),
        Program("taskset", "util-linux"),
        Program("qemu-system-x86_64", "qemu-system-x86"),
        Program("grub-mkrescue", "grub-common"),
        Program("xorriso", "xorriso"),
        Program("mcopy", "mtools"),
    )
}


def path_with_sbin() -> str:
    """Where an ordinary user's shell does not look, although the programs are there."""
    return os.environ.get("PATH", os.defpath) + ":" + SBIN


def program(name: str) -> Fact:
    where = shutil.which(name, path=path_with_sbin())
    return Fact(name=name, ok=where is not None, found=where or "not installed", package=PROGRAMS[name].package)


def root() -> Fact:
    """Root with the right to mount and make namespaces: a container's root often has it not."""
    capabilities = 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            capabilities = int(line.split()[1], 16)
    if os.geteuid() != 0:
        return Fact(name="root", ok=False, found=f"user id {os.geteuid()}")
    admin = bool(capabilities >> _CAP_SYS_ADMIN & 1)
    return Fact(name="root", ok=admin, found="root with CAP_SYS_ADMIN" if admin else "root without CAP_SYS_ADMIN")


def namespaces() -> Fact:
    return _tried(
        "namespaces",
        ["true"],
        "network, pid, mount, UTS and IPC namespaces",
        flags=("--pid", "--fork", "--uts", "--ipc"),
    )


def cgroups() -> Fact:
    """v1 (each controller a hierarchy), v2, or both; writable is asked, since a container often sees them read-only."""
    mounts = cgroup_mounts()
    if not mounts:
        return Fact(name="cgroups", ok=False, found="no cgroup file system is mounted")
    v1 = [mount.name for mount, version in mounts if version == 1]
    kind = "v1" if v1 else "v2"
    both = v1 and len(v1) < len(mounts)
    closed = [str(mount) for mount, _ in mounts if not os.access(mount, os.W_OK)]
    if os.geteuid() != 0:
        return Fact(name="cgroups", ok=True, found=f"{kind}; whether root may write was not tried")
    if closed:
        return Fact(name="cgroups", ok=False, found=f"{kind}, but read-only: {', '.join(closed)}")
    return Fact(name="cgroups", ok=True, found=f"{kind}{' beside v2' if both else ''}: {', '.join(v1) or mounts[0][0]}")


def cgroup_mounts() -> list[tuple[Path, int]]:
    """Every mounted hierarchy with its version."""
    found: list[tuple[Path, int]] = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _device, where, kind, *_rest = line.split()
        if kind in ("cgroup", "cgroup2") and where.startswith("/sys/fs/cgroup"):
            found.append((Path(where), 1 if kind == "cgroup" else 2))
    return found


def loop_devices() -> Fact:
    control = Path("/dev/loop-control")
    if not control.exists():
        return Fact(name="loop devices", ok=False, found=f"there is no {control}")
    if os.geteuid() != 0:
        return Fact(name="loop devices", ok=True, found=f"{control} is there; whether root may use it was not tried")
    try:
        with control.open("rb") as device:
            free = fcntl.ioctl(device, _LOOP_CTL_GET_FREE)
    except OSError as error:
        return Fact(name="loop devices", ok=False, found=f"{control}: {error.strerror}")
    node = Path(f"/dev/loop{free}")
    if not node.exists():
        return Fact(name="loop devices", ok=False, found=f"the kernel offers loop{free}, but {node} does not appear")
    return Fact(name="loop devices", ok=True, found=f"the next free one is {node}")


def overlayfs() -> Fact:
    script = (
        "mount -t tmpfs none /tmp && cd /tmp && mkdir l u w m && "
        "mount -t overlay -o lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w none m"
    )
    return _tried("overlayfs", ["sh", "-c", script], "an overlay on a tmpfs was mounted")


def squashfs() -> Fact:
    """Looked up only: to try it there would have to be an image."""
    known = any(line.split()[-1] == "squashfs" for line in Path("/proc/filesystems").read_text().splitlines())
    module = next(Path("/lib/modules", os.uname().release).rglob("squashfs.ko*"), None)
    found = "the kernel knows it" if known else str(module or "the kernel does not know it and has no module of it")
    return Fact(name="squashfs", ok=known or module is not None, found=found)


def veth_and_bridge() -> Fact:
    script = (
        "ip link add v0 type veth peer name v1 && ip link add b0 type bridge && "
        "ip link set v0 master b0 && bridge link set dev v0 isolated on"
    )
    return _tried("veth and bridge", ["sh", "-c", script], "a pair was joined to a bridge", package="iproute2")


def tc_tbf() -> Fact:
    script = "ip link add v0 type veth peer name v1 && tc qdisc add dev v0 root tbf rate 1gbit burst 256k latency 10ms"
    return _tried("tc tbf", ["sh", "-c", script], "a link was given a rate", package="iproute2")


def tc_redirect() -> Fact:
    script = (
        "ip link add v0 type veth peer name v1 && tc qdisc add dev v0 ingress && tc filter add dev v0 parent ffff: "
        "protocol all u32 match u32 0 0 action mirred egress redirect dev v1"
    )
    return _tried("tc redirect", ["sh", "-c", script], "frames were sent on from link to link", package="iproute2")


def vxlan() -> Fact:
    script = "ip link add x0 type vxlan id 10 local 127.0.0.1 dstport 4789 nolearning"
    return _tried("VXLAN", ["sh", "-c", script], "a VXLAN device was made", package="iproute2")


def vrf() -> Fact:
    return _tried("VRF", ["sh", "-c", "ip link add r0 type vrf table 10"], "a VRF device was made", package="iproute2")


def tun() -> Fact:
    device = Path("/dev/net/tun")
    there = device.is_char_device()
    return Fact(name="tun", ok=there, found=f"{device} is there" if there else f"there is no {device}")


def kvm() -> Fact:
    """`/dev/kvm` alone says nothing: a para-virtual flavour has it too and hangs on every stock kernel."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Fact(name="kvm", ok=False, found=f"there is no {device}")
    try:
        with device.open("rb+", buffering=0) as kernel:
            version = fcntl.ioctl(kernel, _KVM_GET_API_VERSION)
    except OSError as error:
        return Fact(name="kvm", ok=False, found=f"{device}: {error.strerror}")
    if version != _KVM_API_VERSION:
        return Fact(name="kvm", ok=False, found=f"{device} speaks version {version}, not {_KVM_API_VERSION}")
    flags = {
        flag
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("flags")
        for flag in line.partition(":")[2].split()
    }
    if not flags & {"vmx", "svm"}:
        return Fact(
            name="kvm",
            ok=False,
            found=f"{device} answers, but the CPU shows neither vmx nor svm: no stock kernel boots",
        )
    return Fact(
        name="kvm",
        ok=True,
        found=f"{device} answers and the CPU has {' '.join(flags & {'vmx', 'svm'})}; no guest was booted",
    )


def firmware() -> Fact:
    places = [Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_CODE_4M.fd")]
    found = next((place for place in places if place.exists()), None)
    return Fact(name="OVMF", ok=found is not None, found=str(found or "not installed"), package="ovmf")


def lab_addresses() -> Fact:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.64.0.1", 0))
        except OSError as error:
            return Fact(name="loopback addresses", ok=False, found=f"127.64.0.1: {error.strerror}")
    return Fact(name="loopback addresses", ok=True, found="127.64.0.1 can be bound")


def _tried(name: str, command: list[str], seen: str, *, package: str = "", flags: tuple[str, ...] = ()) -> Fact:
    """Runs the trial in a network and mount namespace of its own; nothing of it is left when it ends."""
    unshare = shutil.which("unshare", path=path_with_sbin())
    if unshare is None:
        return Fact(name=name, ok=False, found="not tried: there is no unshare", package="util-linux")
    ordinary = os.geteuid() != 0
    user = ("--user", "--map-root-user") if ordinary else ()
    base = [unshare, *user, "--net", "--mount", *flags]
    if ordinary and _run([*base, "true"]).returncode != 0:
        return Fact(name=name, ok=False, found="not tried: this user may make no namespaces")
    done = _run([*base, *command])
    said = done.stderr.strip().splitlines()
    if done.returncode == 0:
        return Fact(name=name, ok=True, found=seen)
    lacks = any("not found" in line for line in said)
    return Fact(
        name=name,
        ok=False,
        found=said[-1] if said else f"exit code {done.returncode}",
        package=package if lacks else "",
    )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path_with_sbin(), "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=TRIAL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
