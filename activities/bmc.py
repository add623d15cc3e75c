"""What is done to BMCs, step by step. Queue `devices`: uses only BMCs and the secret store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from typing import ClassVar

from temporalio import activity

from activities.bmc_login import LOCKOUT_WINDOW_S, BmcLogins
from activities.bmc_takeover import take_over
from activities.heartbeat import beat
from domain.bmc import (
    BmcAddress,
    BmcFactory,
    Endpoint,
    Identified,
    IdentifyOrder,
    Nameplate,
    NotIdentified,
    ObserveServerOrder,
    PowerOrder,
    PowerResult,
    Reached,
    ReachOrder,
    TakenOver,
    TakeOverOrder,
)
from domain.errors import EdgewrightError
from domain.hardware import BmcIdentity, PowerState, ServerHardware
from domain.order import DEVICES_QUEUE
from domain.secret import SecretStore


class BmcActivities:
    """Every method is one idempotent step: a retry reads first and changes only what is still missing."""

    queue: ClassVar[str] = DEVICES_QUEUE

    def __init__(
        self,
        bmcs: BmcFactory,
        secrets: SecretStore,
        clock: Callable[[], datetime],
        *,
        lockout_window_s: float = LOCKOUT_WINDOW_S,
        secret_marker: str = "",
    ) -> None:
        """`lockout_window_s`: for BMCs of which nothing else is known. `secret_marker`: see `BmcLogins`."""
        self._bmcs = bmcs
        self.logins = BmcLogins(bmcs, secrets, clock, lockout_window_s=lockout_window_s, secret_marker=secret_marker)

    @activity.defn
    def reach(self, order: ReachOrder) -> Reached:
        """Tries a TLS handshake with every address on every port; sends no request and changes nothing."""
        bmcs = tuple(BmcAddress(host=host, port=port) for host in order.addresses for port in order.bmc_ports)
        switches = tuple(BmcAddress(host=host, port=port) for host in order.addresses for port in order.switch_ports)
        answering = frozenset(
            self._bmcs.answering((*bmcs, *switches), timeout_s=order.timeout_s, at_once=order.at_once, beat=beat)
        )
        return Reached(
            bmcs=tuple(address for address in bmcs if address in answering),
            switches=tuple(address for address in switches if address in answering),
            tried=len(bmcs) + len(switches),
        )

    @activity.defn
    def identify_bmcs(self, order: IdentifyOrder) -> Identified:
        """Reads the service root of each, without a login. One bad address never stops the others."""
        outcomes: dict[BmcAddress, BmcIdentity | NotIdentified] = {}
        with ThreadPoolExecutor(max_workers=order.at_once, thread_name_prefix="identify") as pool:
            running = {pool.submit(self._identify, address): address for address in order.bmcs}
            for number, finished in enumerate(as_completed(running), 1):
                outcomes[running[finished]] = finished.result()
                beat(f"{number} of {len(running)} identified")
        ordered = [outcomes[address] for address in order.bmcs]
        return Identified(
            found=tuple(outcome for outcome in ordered if isinstance(outcome, BmcIdentity)),
            not_identified=tuple(outcome for outcome in ordered if isinstance(outcome, NotIdentified)),
        )

    def _identify(self, address: BmcAddress) -> BmcIdentity | NotIdentified:
        try:
            return self._bmcs.identify(Endpoint(name="bmc", address=address))
        except EdgewrightError as error:
            return NotIdentified(address=address, kind=error.kind, reason=error.message)

    @activity.defn
    def ensure_credentials_taken_over(self, order: TakeOverOrder) -> TakenOver:
        """Ends with a password of ours on the BMC, known to work and kept. A retry after a crash loses none and doubles none.

        Raises:
            LoginBudgetSpent: too many open tries in this lock-out window (retried when it is over).
            CredentialsUnknown: nothing we know opens it (not retried).
            BmcCertificateChanged, BmcCertificateUntrusted: before any secret was sent (not retried).
        """
        return take_over(self.logins, order.target, order.goal, not_before=order.not_before, beat=beat)

    @activity.defn
    def observe_nameplate(self, order: ObserveServerOrder) -> Nameplate:
        """Serial number and MAC of a server that is declared without its BMC's address; changes nothing."""
        with self.logins.open_session(order.target) as bmc:
            return bmc.read_nameplate()

    @activity.defn
    def observe_server(self, order: ObserveServerOrder) -> ServerHardware:
        """Reads all hardware and firmware in one session; changes nothing. What cannot be read is named in `missing`."""
        with self.logins.open_session(order.target) as bmc:
            beat("logged in")
            return bmc.read_hardware()

    @activity.defn
    def ensure_powered_on(self, order: PowerOrder) -> PowerResult:
        """Powers the server on and waits until its BMC reads back `On`. On a retry it only reads if it is on already.

        Raises:
            PowerUnchanged: accepted, but not there yet (retried).
            BmcRefused: the BMC rejected it; carries the Redfish message id (not retried).
        """
        return self._power(order, PowerState.ON)

    @activity.defn
    def ensure_powered_off(self, order: PowerOrder) -> PowerResult:
        """Cuts the server's power, without asking its operating system, and waits until its BMC reads back `Off`.

        Raises:
            PowerUnchanged, BmcRefused: as `ensure_powered_on`.
        """
        return self._power(order, PowerState.OFF)

    def _power(self, order: PowerOrder, wanted: PowerState) -> PowerResult:
        with self.logins.open_session(order.target) as bmc:
            return bmc.ensure_power(wanted, patience_s=order.patience_s, beat=beat)
