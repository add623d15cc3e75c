"""HTTPS to one agent: trusted by the certificate of its ticket, asked with the token of its ticket, watched until its work is done."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Self
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from domain.agent import (
    AgentDriveBusy,
    AgentDriveMissing,
    AgentIdentity,
    AgentJobFailed,
    AgentJobLost,
    AgentJobUnfinished,
    AgentOfAnotherBoot,
    AgentOfAnotherServer,
    AgentRefused,
    AgentSilent,
    AgentTroubled,
    BootTicket,
)
from domain.agent_work import (
    AgentJob,
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
from domain.errors import EdgewrightError
from domain.model import Json, Model

_ANSWER: TypeAdapter[dict[str, Json]] = TypeAdapter(dict[str, Json])
_BOOT_AGAIN = "Boot the server from a new medium; what its drives went through until then is not known."
_LOOK = "If it stays, look at the server's console: it must have booted the medium, and the network must lead there."


@dataclass(frozen=True)
class AgentTimeouts:
    """Seconds. `answer_s`: an inventory asks every drive for its health."""

    connect_s: float = 5.0
    answer_s: float = 60.0
    poll_s: float = 0.5


class AgentClient:
    """Fulfils `domain.agent.ServerAgent`. Use it in a `with`; `ticket` is that of the boot."""

    def __init__(self, host: str, ticket: BootTicket, timeouts: AgentTimeouts = AgentTimeouts()) -> None:
        self._ticket, self._timeouts = ticket, timeouts
        self._where = f"{ticket.server} ({host}:{ticket.port})"
        # Trusted is this one certificate; it says nothing of names, which a server in its live system has none of.
        context = ssl.create_default_context(cadata=ticket.certificate_pem)
        context.check_hostname = False
        shown = f"[{host}]" if ":" in host else host
        self._http = httpx.Client(
            base_url=f"https://{shown}:{ticket.port}/v1",
            headers={"Authorization": f"Bearer {ticket.token.get_secret_value()}"},
            verify=context,
            timeout=httpx.Timeout(timeouts.answer_s, connect=timeouts.connect_s),
            trust_env=False,
        )
        self._known = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # Looking

    def identity(self) -> AgentIdentity:
        """See `ServerAgent`."""
        found = self._read("/identity", AgentIdentity)
        if found.serial != self._ticket.serial:
            raise AgentOfAnotherServer(
                f"The medium for {self._ticket.server} ({self._ticket.serial}) was booted by a server that says its serial "
                f"number is {found.serial or 'none'}. Nothing was asked of it.",
                do="See in whose BMC the medium is, and which server the inventory means.",
            )
        self._known = True
        return found

    def read_inventory(self) -> SeenHardware:
        """See `ServerAgent`."""
        self._know()
        return self._read("/inventory", SeenHardware)

    def read_samples(self, serial: str, *, count: int = 64, size: int = 4096, seed: int = 0) -> DriveSamples:
        """See `ServerAgent`."""
        self._know()
        return self._read(f"/drives/{_quoted(serial)}/samples?count={count}&size={size}&seed={seed}", DriveSamples)

    # Work

    def run_test(self, order: HardwareTest, *, patience_s: float, beat: Beat = no_beat) -> HardwareTested:
        """See `ServerAgent`."""
        return self._carried_out(order.key, order, HardwareTested, patience_s, beat)

    def write_image(self, order: ImageWrite, *, patience_s: float, beat: Beat = no_beat) -> ImageWritten:
        """See `ServerAgent`."""
        return self._carried_out(order.key, order, ImageWritten, patience_s, beat)

    def mark_drive(self, order: DriveMark, *, patience_s: float, beat: Beat = no_beat) -> DriveSamples:
        """See `ServerAgent`."""
        return self._carried_out(order.key, order, DriveSamples, patience_s, beat)

    def wipe_drive(self, order: Wipe, *, patience_s: float, beat: Beat = no_beat) -> DriveWiped:
        """See `ServerAgent`."""
        return self._carried_out(order.key, order, DriveWiped, patience_s, beat)

    def read_job(self, key: str) -> AgentJob:
        """How far an order is, with the agent's own log. Raises `AgentJobLost`."""
        return self._read(f"/jobs/{_quoted(key)}", AgentJob)

    def _carried_out[R: Model](self, key: str, order: Model, result: type[R], patience_s: float, beat: Beat) -> R:
        self._know()
        path, until = f"/jobs/{_quoted(key)}", time.monotonic() + patience_s
        told = self._ask(lambda: self._http.put(path, json=order.model_dump(mode="json", exclude={"key"})))
        while (job := self._shaped(told, AgentJob)).state == "running":
            beat(f"{job.step or key}: {job.percent} %")
            if time.monotonic() > until:
                raise AgentJobUnfinished(f"{self._where} is at {job.percent} % of {key} ({job.step}).")
            time.sleep(self._timeouts.poll_s)
            told = self._ask(lambda: self._http.get(path))
        if job.state == "failed":
            raise AgentJobFailed(f"{self._where} could not do {key}: {job.why}", do="See the agent's log of it.")
        return self._shaped(told.get("result"), result)

    # The wire

    def _know(self) -> None:
        """No order goes to a server that was not seen to be the one of the ticket."""
        if not self._known:
            self.identity()

    def _read[R: Model](self, path: str, shape: type[R]) -> R:
        return self._shaped(self._ask(lambda: self._http.get(path)), shape)

    def _ask(self, send: Callable[[], httpx.Response]) -> dict[str, Json]:
        try:
            answer = send()
        except httpx.TransportError as error:
            raise self._meant(error) from error
        try:
            told = _ANSWER.validate_json(answer.content)
        except ValidationError:
            raise AgentTroubled(
                f"{self._where} answered {answer.status_code} and no JSON object: somebody else may be there."
            ) from None
        if answer.status_code >= 400:
            self._refuse(answer.status_code, str(told.get("error", "")), str(told.get("message", "")))
        return told

    def _meant(self, error: httpx.TransportError) -> EdgewrightError:
        root: BaseException = error
        while cause := root.__cause__ or root.__context__:
            root = cause
        if isinstance(root, ssl.SSLCertVerificationError):
            return AgentOfAnotherBoot(
                f"Who answers at {self._where} has another certificate than the ticket {self._ticket.boot}. "
                "The token was not sent.",
                do=_BOOT_AGAIN,
            )
        return AgentSilent(f"Nobody answers at {self._where}: {root or error}.", do=_LOOK)

    def _refuse(self, status: int, kind: str, message: str) -> NoReturn:
        said = f"{self._where}: {message}"
        match status, kind:
            case 401, _:
                raise AgentOfAnotherBoot(
                    f"{self._where} does not take the token of {self._ticket.boot}.", do=_BOOT_AGAIN
                )
            case _, "drive-missing" | "drive-ambiguous":
                raise AgentDriveMissing(said, do="Find the drive: what is on it is in nobody's hands.")
            case _, "drive-busy" | "drive-in-use":
                raise AgentDriveBusy(said, do="Wait for the other work, or boot the agent from its medium.")
            case _, "job-unknown":
                raise AgentJobLost(said, do="Order it again.")
            case status, _ if status >= 500:
                raise AgentTroubled(f"{said} ({status})")
            case _:
                raise AgentRefused(f"{said} ({status})", do="Use an agent image of this release.")

    def _shaped[R: Model](self, told: Json, shape: type[R]) -> R:
        try:
            return shape.model_validate(told)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise AgentTroubled(
                f"{self._where} answered something else than a {shape.__name__}: {where or 'all of it'}: {first['msg']}.",
                do="Use an agent image of this release.",
            ) from None


def _quoted(part: str) -> str:
    return quote(part, safe="")
