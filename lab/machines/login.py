"""How a person, and a test, gets into a server's operating system: by SSH from the management namespace, with the lab's own key."""

from pathlib import Path

from lab.machines import network, tools
from lab.virtual.sitefile import Server


def login_key(state: Path) -> Path:
    """The private key that logs in to live systems of the site; made at its first use."""
    key = state / "login"
    if not key.exists():
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        key.with_suffix(".pub").unlink(missing_ok=True)
        temporary = state / "login.new"
        temporary.unlink(missing_ok=True)
        tools.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "edgewright-lab", "-f", str(temporary))
        temporary.with_suffix(".new.pub").rename(key.with_suffix(".pub"))
        temporary.rename(key)
    return key


def ssh_command(namespace: str, key: Path, server: Server, command: list[str]) -> list[str]:
    """Host keys are not compared: a live system has another one at every boot, and no stranger is in the namespace."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5"]
    ssh = ["ssh", "-i", str(key), "-o", "IdentitiesOnly=yes", *(word for option in options for word in ("-o", option))]
    return ["ip", "netns", "exec", namespace, *ssh, f"root@{network.host_address(server)}", *command]
