"""Logging in to switches: how one is reached and trusted, and which failed logins count there."""

from types import TracebackType
from typing import Self

from activities.logins import Logins
from activities.trust import certificates_of
from domain.account import LoginRefused
from domain.bmc import Certificates, DeviceTarget, Endpoint
from domain.errors import EdgewrightError, Transient
from domain.nvue import SwitchFactory, SwitchSession
from domain.secret import Login, SecretStore

type SwitchLogins = Logins[SwitchSession]


class SwitchSilent(Transient):
    """Nobody answers at the switch's address."""

    kind = "switch-unreachable"


class SwitchDoor:
    """Fulfils `Door[SwitchSession]`: NVUE has no sessions, so each login is a client of its own, proved by one read."""

    def __init__(self, switches: SwitchFactory, endpoint: Endpoint, certificates: Certificates) -> None:
        self._switches, self._endpoint, self._certificates = switches, endpoint, certificates

    def log_in(self, login: Login) -> SwitchSession:
        session = self._switches.open(self._endpoint, login, self._certificates)
        try:
            session.check_login()
        except EdgewrightError:
            session.close()
            raise
        return session

    def close(self) -> None:
        """Nothing is held open before a login."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SwitchDoors:
    """Fulfils `Doors[SwitchSession]`."""

    word = "switch"

    def __init__(self, switches: SwitchFactory, secrets: SecretStore) -> None:
        self._switches, self._secrets = switches, secrets

    def connect(self, target: DeviceTarget) -> SwitchDoor:
        endpoint = target.endpoint
        certificates = certificates_of(
            self._secrets, target.site, target.device, target.trust, lambda: self._shown(endpoint)
        )
        return SwitchDoor(self._switches, endpoint, certificates)

    def spares(self, error: EdgewrightError) -> bool:
        """Only 401 is about the password. An API that is shut (403) has taken it."""
        return not isinstance(error, LoginRefused)

    def _shown(self, endpoint: Endpoint) -> str:
        presence = self._switches.presence(endpoint.address.host, endpoint.address.port)
        if presence is None:
            raise SwitchSilent(f"{endpoint} does not answer.", do="Check its power and its management cable.")
        return presence.certificate_sha256
