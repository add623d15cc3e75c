"""What is done to BMCs, step by step. Queue `devices`: uses only BMCs and the secret store."""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from temporalio import activity

from activities.bmc_login import BmcDoors, BmcLogins
from activities.heartbeat import beat
from activities.logins import LOCKOUT_WINDOW_S, Logins
from activities.takeover import take_over
from domain.bmc import (
    BmcFactory,
    Nameplate,
    ObserveServerOrder,
    PowerOrder,
    PowerResult,
    TakenOver,
    TakeOverOrder,
)
from domain.hardware import PowerState, ServerHardware
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
        """`lockout_window_s`: for BMCs of which nothing else is known. `secret_marker`: see `Logins`."""
        doors = BmcDoors(bmcs, secrets)
        self.logins: BmcLogins = Logins(
            doors, secrets, clock, lockout_window_s=lockout_window_s, secret_marker=secret_marker
        )

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
