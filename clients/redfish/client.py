"""One BMC over Redfish: connecting, logging in and out, and what it can be asked. Fulfils the Protocols of `domain.bmc`."""

import base64
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from clients.redfish import accounts
from clients.redfish.bios import Bios
from clients.redfish.booting import set_boot, set_secure_boot
from clients.redfish.erasing import Drives
from clients.redfish.hardware import HardwareReader, main_system, read_nameplate, read_systems
from clients.redfish.identity import identity_of, read_root
from clients.redfish.media import Media
from clients.redfish.messages import CHANGE_REQUIRED, SESSION_LIMIT
from clients.redfish.power import Power
from clients.redfish.probe import answering
from clients.redfish.quirks import Habits, Identity, Quirks
from clients.redfish.resource import Expansion, Reader, Resource
from clients.redfish.tasks import read_clock
from clients.redfish.updating import Updates
from clients.redfish.wire import Answer, BmcTimeouts, Wire
from domain.account import AccountPolicy
from domain.beat import Beat, no_beat
from domain.bmc import (
    BmcAddress,
    BmcBusy,
    BmcLoginRefused,
    BmcRefused,
    BmcResourceMissing,
    BmcTroubled,
    Certificates,
    Endpoint,
    Nameplate,
    PowerResult,
)
from domain.bmc_setup import BiosChange, BiosState, BiosValue, BootOverride, MediaInserted, SecureBootChange
from domain.bmc_work import DriveErase, DriveErased, ErasableDrive, FirmwareOrder, FirmwareState
from domain.errors import EdgewrightError
from domain.hardware import BmcIdentity, PowerState, ServerHardware
from domain.secret import Login

_PASSWORD_PATIENCE_S = 30.0


class RedfishBmcs:
    """Fulfils `BmcFactory`. Holds no connection itself."""

    def __init__(self, timeouts: BmcTimeouts | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._timeouts = timeouts or BmcTimeouts()
        self._sleep = sleep

    def answering(
        self, candidates: tuple[BmcAddress, ...], *, timeout_s: float, at_once: int, beat: Beat = no_beat
    ) -> tuple[BmcAddress, ...]:
        return answering(candidates, timeout_s=timeout_s, at_once=at_once, beat=beat)

    def identify(self, endpoint: Endpoint) -> BmcIdentity:
        wire = Wire(endpoint, None, timeouts=self._timeouts, sleep=self._sleep)
        try:
            return identity_of(wire, read_root(wire))
        finally:
            wire.close()

    def connect(self, endpoint: Endpoint, certificates: Certificates) -> "RedfishConnection":
        wire = Wire(endpoint, certificates, timeouts=self._timeouts, sleep=self._sleep)
        try:
            return RedfishConnection(wire, read_root(wire))
        except BaseException:
            wire.close()
            raise


class RedfishConnection:
    """Fulfils `BmcConnection`."""

    def __init__(self, wire: Wire, root: Resource) -> None:
        self.wire = wire
        self._root = root
        self._habits = Habits(root)
        self.identity = identity_of(wire, root)
        wire.close_connections = self._habits.before_login.close_connections

    def log_in(self, login: Login) -> "RedfishBmc":
        """By a session; by Basic where there is no session service, or where no session is left."""
        self.wire.keep_secret(login.password)
        sessions = self._sessions_path()
        if sessions:
            body = {"UserName": login.username, "Password": login.password.get_secret_value()}
            answer = self.wire.send("POST", sessions, body)
            if answer.status < 400 and (token := answer.headers.get("x-auth-token")):
                self.wire.use_token(token)
                location = urlsplit(answer.location).path or answer.body.path
                return self._opened(login, answer, session=location)
            # No session was made, and not for the password's sake: try Basic, which counts as a login only now.
            if not (answer.says(SESSION_LIMIT, CHANGE_REQUIRED) or answer.status in (404, 405, 501)):
                self.wire.judge(answer, "the login")
                raise BmcTroubled(f"{self.wire.endpoint} answered a login with {answer.status} and no token.")
        return self._by_basic(login)

    def _sessions_path(self) -> str:
        if self._habits.before_login.basic_only:
            return ""
        if path := self._root.inner("Links").inner("Sessions").path:
            return path
        service = self._root.inner("SessionService")
        if not service:
            return ""
        try:
            return self.wire.get(service.path).inner("Sessions").path
        except (BmcResourceMissing, BmcLoginRefused):
            return ""

    def _by_basic(self, login: Login) -> "RedfishBmc":
        pair = f"{login.username}:{login.password.get_secret_value()}".encode()
        encoded = base64.b64encode(pair).decode()
        self.wire.keep_secret(SecretStr(encoded))
        self.wire.use_basic(f"Basic {encoded}")
        shut = next((p for name in ("Systems", "Managers", "Chassis") if (p := self._root.inner(name).path)), "")
        try:
            answer = self.wire.send("GET", shut or "/redfish/v1/Systems", tries=1)
            if answer.says(SESSION_LIMIT):
                raise BmcBusy(f"{self.wire.endpoint} has as many sessions as it allows.", retry_after_s=30.0)
            if not answer.says(CHANGE_REQUIRED):
                self.wire.judge(answer, "the login")
        except BaseException:
            self.wire.use_basic(None)
            raise
        return self._opened(login, answer, session="")

    def _opened(self, login: Login, answer: Answer, *, session: str) -> "RedfishBmc":
        return RedfishBmc(
            self.wire,
            self._root,
            self.identity,
            self._habits,
            login.username,
            session=session,
            must_change_password=answer.says(CHANGE_REQUIRED),
            account=accounts.named_by(answer),
        )

    def close(self) -> None:
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RedfishBmc:
    """Fulfils `Bmc`. Closing it logs out; the connection stays for another login."""

    def __init__(
        self,
        wire: Wire,
        root: Resource,
        identity: BmcIdentity,
        habits: Habits,
        username: str,
        *,
        session: str,
        must_change_password: bool,
        account: str,
    ) -> None:
        self.identity = identity
        self.must_change_password = must_change_password
        self._wire, self._root = wire, root
        self._username, self._session, self._account = username, session, account
        self._habits = habits

    @property
    def _quirks(self) -> Quirks:
        if self.must_change_password:
            return self._habits.before_login  # it answers nothing else yet
        quirks = self._habits.after_login(self._full_identity)
        self._wire.close_connections = quirks.close_connections
        return quirks

    def _full_identity(self) -> Identity:
        # Without $expand: whether it can be trusted is one of the questions.
        reader = Reader(self._fetch, Expansion(self._root, allowed=False), lambda _path: None)
        manager = next(iter(reader.members(self._root.inner("Managers"))), None)
        systems = reader.members(self._root.inner("Systems"))
        return Identity.of(self._root, manager, main_system(systems) if systems else None)

    @property
    def _reader(self) -> Reader:
        return self._new_reader(lambda _path: None)

    def _new_reader(self, skipped: Callable[[str], None]) -> Reader:
        return Reader(self._fetch, Expansion(self._root, allowed=not self._quirks.no_expand), skipped)

    def _fetch(self, path: str, expand: str) -> Resource:
        """Reads, without `$expand` where the BMC refuses or chokes on it although it announces it."""
        if expand:
            try:
                return self._wire.get(path, expand)
            except (BmcRefused, BmcTroubled) as error:
                if isinstance(error, BmcRefused) and error.status not in (400, 413, 501):
                    raise
        return self._wire.get(path)

    def account_policy(self) -> AccountPolicy:
        return AccountPolicy() if self.must_change_password else accounts.policy_of(self._reader, self._root)

    def change_password(self, new: SecretStr) -> None:
        path = self._account or accounts.find_own(self._wire, self._reader, self._root, self._username)
        accounts.change_password(self._wire, path, new, patience_s=_PASSWORD_PATIENCE_S)

    def read_hardware(self) -> ServerHardware:
        missing: list[str] = []
        reader = self._new_reader(lambda path: missing.append(f"{path}: listed, but the BMC does not give it"))
        return HardwareReader(self._wire, reader, self._root, self.identity, self._quirks, missing).read()

    def read_nameplate(self) -> Nameplate:
        return read_nameplate(self._reader, self._root, self.identity)

    def power_state(self) -> PowerState:
        return self._power().state()

    def ensure_power(self, wanted: PowerState, *, patience_s: float, beat: Beat = no_beat) -> PowerResult:
        return self._power().ensure(wanted, patience_s=patience_s, beat=beat)

    def _power(self) -> Power:
        path = main_system(read_systems(self._reader, self._root)).path
        return Power(self._wire, self._reader, path, self._quirks)

    # Before and beside an operating system (domain.bmc_setup)

    def read_bios(self) -> BiosState:
        return self._bios().read()

    def set_bios(self, wanted: Mapping[str, BiosValue]) -> BiosChange:
        return self._bios().set(wanted)

    def require_bios(self, wanted: Mapping[str, BiosValue]) -> None:
        self._bios().require(wanted)

    def reset_bios(self) -> None:
        self._bios().reset()

    def set_secure_boot(self, on: bool) -> SecureBootChange:
        return set_secure_boot(self._wire, self._system().inner("SecureBoot").path, on)

    def set_boot(self, boot: BootOverride) -> bool:
        return set_boot(self._wire, self._system().path, boot)

    def insert_media(self, image: str, *, login: Login | None = None) -> MediaInserted:
        return self._media().insert(image, login)

    def eject_media(self) -> bool:
        return self._media().eject()

    def _system(self) -> Resource:
        return main_system(read_systems(self._reader, self._root))

    def _bios(self) -> Bios:
        return Bios(self._wire, self._system().inner("Bios").path)

    def _media(self) -> Media:
        reader = self._reader
        return Media(self._wire, reader, (self._system(), *reader.members(self._root.inner("Managers"))))

    # Long work (domain.bmc_work)

    def read_clock(self) -> datetime:
        return read_clock(self._wire, self._reader, self._root)

    def read_drives(self) -> tuple[ErasableDrive, ...]:
        return self._drives().read()

    def erase_drive(self, order: DriveErase, *, patience_s: float, beat: Beat = no_beat) -> DriveErased:
        return self._drives().erase(order, patience_s=patience_s, beat=beat)

    def update_firmware(
        self, order: FirmwareOrder, *, patience_s: float, beat: Beat = no_beat, login: Login | None = None
    ) -> FirmwareState:
        updates = Updates(self._wire, self._reader, self._root)
        return updates.update(order, patience_s=patience_s, beat=beat, login=login)

    def _drives(self) -> Drives:
        return Drives(self._wire, self._reader, self._root, self._system().inner("Storage"))

    def keep_password(self) -> None:
        """A BMC keeps its accounts by itself."""

    def close(self) -> None:
        """Logs out, as well as it goes: a session that cannot be closed ends by itself, and must not hide an error."""
        try:
            if self._session:
                self._wire.send("DELETE", self._session, tries=1)
        except EdgewrightError:
            pass
        finally:
            self._session = ""
            self._wire.use_token(None)
            self._wire.use_basic(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
