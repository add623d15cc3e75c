"""The agent on a server's live image: how it is found and trusted, what it can be asked for, and what can go wrong.

A boot medium carries a ticket, made for one boot of one server: the token that the agent asks for, the certificate it serves with.
So who does not hold the ticket can neither order anything nor take the agent's place, and a ticket is worth nothing after the boot.
"""

import json
from typing import Protocol

from pydantic import SecretStr

from domain.agent_work import (
    DriveMark,
    DriveSamples,
    DriveWiped,
    HardwareTest,
    HardwareTested,
    ImageWrite,
    ImageWritten,
    SeenHardware,
    Wipe,
)
from domain.beat import Beat, no_beat
from domain.errors import Conflict, NotYet, Rejected, Transient
from domain.model import Model, Name, SerialNumber

AGENT_PORT = 8443


class AgentSilent(Transient):
    """Nobody answers where the agent should be: it still boots, or never will."""

    kind = "agent-silent"


class AgentNotHome(NotYet):
    """The agent has not phoned home yet."""

    kind = "agent-not-home"


class AgentTroubled(Transient):
    """The agent answered that it could not do it, or something that is no answer."""

    kind = "agent-troubled"


class AgentOfAnotherBoot(Conflict):
    """Somebody answers who does not have this ticket: the server was booted again, or it is another one."""

    kind = "agent-of-another-boot"


class AgentOfAnotherServer(Conflict):
    """The ticket's medium was booted by a server that says it is another one."""

    kind = "agent-of-another-server"


class AgentRefused(Rejected):
    """The agent does not do what was asked for."""

    kind = "agent-refused"


class AgentDriveMissing(Conflict):
    """The server has no drive of this serial number, by its operating system."""

    kind = "agent-drive-missing"


class AgentDriveBusy(Conflict):
    """Something else is done to the drive, or it is mounted."""

    kind = "agent-drive-busy"


class AgentJobUnfinished(NotYet):
    """The agent is still at it."""

    kind = "agent-job-unfinished"


class AgentJobLost(Transient):
    """The agent does not know the job: it was booted again since, and how far it came is not known."""

    kind = "agent-job-lost"


class AgentJobFailed(Rejected):
    """What was ordered was begun and ended badly. The same order under another key begins anew."""

    kind = "agent-job-failed"


class BootTicket(Model):
    """Never a payload: only between the secret store, a boot medium and a client. `boot` names it and is no secret.

    `home`: an URL that the agent tells that it is up, until somebody there says 2xx; empty for nobody.
    """

    boot: str
    server: Name
    serial: SerialNumber
    token: SecretStr
    certificate_pem: str
    key_pem: SecretStr
    port: int = AGENT_PORT
    home: str = ""

    def document(self) -> bytes:
        """What lies on the medium. With the secrets."""
        shown = self.model_dump(exclude={"token", "key_pem"})
        secret = {"token": self.token.get_secret_value(), "key_pem": self.key_pem.get_secret_value()}
        return json.dumps(shown | secret).encode()


class AgentHome(Model):
    """What an agent tells home. Anybody could: it says where to look, and the ticket proves who is there."""

    boot: str
    serial: str
    port: int


class AgentIdentity(Model):
    """Which server answers, by its SMBIOS tables, and since when its agent is up."""

    serial: str
    uuid: str = ""
    manufacturer: str = ""
    model: str = ""
    boot: str
    version: str
    up_s: float


class ServerAgent(Protocol):
    """One agent. Orders carry a key: given again, an order is found and watched on, never begun twice.

    Every call may raise `AgentSilent`, `AgentTroubled`, `AgentOfAnotherBoot`; the first one also `AgentOfAnotherServer`.
    """

    def identity(self) -> AgentIdentity: ...

    def read_inventory(self) -> SeenHardware: ...

    def read_samples(self, serial: str, *, count: int = 64, size: int = 4096, seed: int = 0) -> DriveSamples:
        """Blocks of the raw device: first, last, and others that follow from the seed. Raises `AgentDriveMissing`."""
        ...

    def run_test(self, order: HardwareTest, *, patience_s: float, beat: Beat = no_beat) -> HardwareTested:
        """Tests and waits for the result; that a test found a fault is a result. Raises as `write_image`."""
        ...

    def write_image(self, order: ImageWrite, *, patience_s: float, beat: Beat = no_beat) -> ImageWritten:
        """Writes an operating system to a drive and waits until it is read back. What was on the drive is lost.

        Raises:
            AgentDriveMissing, AgentDriveBusy, AgentRefused: nothing was begun.
            AgentJobFailed: begun, and ended badly. AgentJobUnfinished, AgentJobLost: call again.
        """
        ...

    def mark_drive(self, order: DriveMark, *, patience_s: float, beat: Beat = no_beat) -> DriveSamples:
        """Writes noise into the places of samples, and reads it back: what was there is lost. Raises as `write_image`."""
        ...

    def wipe_drive(self, order: Wipe, *, patience_s: float, beat: Beat = no_beat) -> DriveWiped:
        """Erases a drive and waits until samples of it were read. Raises as `write_image`."""
        ...
