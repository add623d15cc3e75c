"""How a site is served, and what a hand can do at a server: apart, so that a command line of other commands loads no server."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ADMIN_PORT = 8704
READY = "ready "
POWER_ACTIONS = {
    "push": "presses the power button",
    "on": "holds the machine to on, as the button would",
    "off": "holds the power button until it is off",
    "pull": "pulls the power cord: the BMC goes down with it",
    "plug": "plugs the cord in again",
    "restart-bmc": "restarts the BMC",
    "kill-bmc": "the BMC alone dies, in the middle of what it does, and stays dead",
    "start-bmc": "a dead BMC starts again",
}


class LevelName(StrEnum):
    """The levels of fidelity that a site can be served at."""

    SIM = "sim"
    MACHINES = "machines"


class Image(StrEnum):
    """Root file systems that a machine can boot from a stick, a CD or the network. `switch` has what switches route with."""

    BASE = "base"
    AGENT = "agent"
    SWITCH = "switch"


@dataclass(frozen=True)
class Options:
    """How a site is served. `home`: EDGEWRIGHT_HOME; the site's state lies in `home/lab/sites/NAME`."""

    site_file: Path
    home: Path
    admin_port: int = ADMIN_PORT
    address_offset: int = 0
    time_factor: float = 1.0
    redfish_port: int | None = None
    nvue_port: int | None = None
    faults: str = ""
    level: LevelName = LevelName.SIM
    stick: Image | None = None
    """The image on a USB stick that every server has in it from its first start; only where none was put in or taken out yet."""

    def arguments(self) -> list[str]:
        """The same as command-line arguments."""
        given = [str(self.site_file), "--home", str(self.home), "--admin-port", str(self.admin_port)]
        given += ["--address-offset", str(self.address_offset), "--time-factor", str(self.time_factor)]
        if self.redfish_port is not None:
            given += ["--redfish-port", str(self.redfish_port)]
        if self.nvue_port is not None:
            given += ["--nvue-port", str(self.nvue_port)]
        given += ["--level", self.level, *(["--stick", self.stick] if self.stick else [])]
        return [*given, "--faults", self.faults] if self.faults else given
