"""Logging in to switches: the same count of tries in the secret store as for BMCs, so that no reader locks an account."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

from activities.bmc_login import LOCKOUT_WINDOW_S
from activities.trust import certificates_of
from domain.bmc import BmcAddress, DeviceTrust, Endpoint, LoginBudgetSpent
from domain.credentials import Wait, reading_step
from domain.errors import EdgewrightError, Rejected, Transient
from domain.nvue import SwitchFactory, SwitchIdentity, SwitchLoginRefused, SwitchSession
from domain.secret import CredentialSlot, SecretRef, SecretStore
from domain.site import SiteDeclaration


class SwitchSilent(Transient):
    """Nobody answers at the switch's address."""

    kind = "switch-unreachable"


class SwitchLogins:
    """Opens switches for reading, with our credential or the installer's."""

    def __init__(
        self,
        switches: SwitchFactory,
        secrets: SecretStore,
        clock: Callable[[], datetime],
        *,
        lockout_window_s: float = LOCKOUT_WINDOW_S,
    ) -> None:
        self._switches, self._secrets, self._clock = switches, secrets, clock
        self._window_s = lockout_window_s

    @contextmanager
    def open_session(
        self, site: SiteDeclaration, device: str, address: BmcAddress
    ) -> Generator[tuple[SwitchSession, SwitchIdentity]]:
        """A session whose login is known to work, with what the first read said.

        Raises:
            LoginBudgetSpent: the last try of this lock-out window is not known to have succeeded (retried later).
            SwitchLoginRefused: neither ours nor the installer's login is right.
        """
        slot, ref = self._credential(site, device)
        endpoint = Endpoint(name=device, address=address)
        now = self._clock()
        state = self._secrets.credential_state(site.name, device)
        step = reading_step(state, slot, window_s=self._window_s, now=now)
        if isinstance(step, Wait):
            raise self._spent(endpoint, step)
        login = self._secrets.get(ref) if ref else self._secrets.credential(site.name, device, slot)
        trust = DeviceTrust.declared(site.out_of_band.trust, device)
        certificates = certificates_of(self._secrets, site.name, device, trust, lambda: self._shown(endpoint))
        if not self._secrets.record_try(site.name, device, slot, now, self._window_s):
            raise self._spent(endpoint, Wait(slot=slot, retry_after_s=5.0))
        with self._switches.open(endpoint, login, certificates) as session:
            try:
                identity = session.identity()
            except SwitchLoginRefused:
                raise
            except EdgewrightError:
                # It was not the password that failed: the try does not count.
                self._secrets.clear_try(site.name, device, slot)
                raise
            self._secrets.clear_try(site.name, device, slot)
            yield session, identity

    def _credential(self, site: SiteDeclaration, device: str) -> tuple[CredentialSlot, SecretRef | None]:
        if self._secrets.credential_state(site.name, device).has_current:
            return CredentialSlot.CURRENT, None
        if site.credentials.switch is None:
            raise Rejected(
                f"No login is declared for the switches of {site.name}.",
                do="Name a secret under credentials.switch, and store it: edgewright secret put.",
            )
        return CredentialSlot.FACTORY, SecretRef(path=site.credentials.switch)

    def _shown(self, endpoint: Endpoint) -> str:
        presence = self._switches.presence(endpoint.address.host, endpoint.address.port)
        if presence is None:
            raise SwitchSilent(f"{endpoint} does not answer.", do="Check its power and its management cable.")
        return presence.certificate_sha256

    @staticmethod
    def _spent(endpoint: Endpoint, wait: Wait) -> LoginBudgetSpent:
        return LoginBudgetSpent(
            f"{endpoint}: its {wait.slot.value} login was tried and is not known to have worked. "
            f"Another try may lock the account, so the next is in {wait.retry_after_s:.0f} s.",
            do="Nothing to do: it is tried again by itself.",
            retry_after_s=wait.retry_after_s,
        )
