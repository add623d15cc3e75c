"""Reading a site's devices once they are discovered: switches in one go, servers one by one. Queue `devices`.

Uses only devices, the secret store and the artifact store.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import ClassVar

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.bmc_login import BmcLogins
from activities.heartbeat import beat, is_retry
from activities.switch_login import SwitchLogins
from activities.takeover import check_budget, take_over
from domain.artifact import ArtifactStore
from domain.bmc import BmcTarget, Goal, TakenOver
from domain.discovery import Discovery, FoundAt
from domain.errors import EdgewrightError, Transient
from domain.judgement import ServerReading, Trouble
from domain.nvue import SwitchTarget
from domain.onboarding import (
    KnownRead,
    Opened,
    ReadKnownOrder,
    ReadSwitchesOrder,
    ServerRead,
    ServerReadings,
    ServerTask,
    SiteBundle,
    SwitchesRead,
    SwitchReadings,
    TakeSwitchesOrder,
)
from domain.order import DEVICES_QUEUE
from domain.secret import STORE_TROUBLE, CredentialSlot, CredentialState, SecretMissing
from domain.site import SiteDeclaration
from domain.switch_readings import merged, switch_refused, take_over_unfinished, without_unfinished, wrong_serial
from domain.switch_sight import facts_of_switch, sight_of
from domain.targets import bmc_target, switch_target

SWITCHES_AT_ONCE = 8
SERVERS_AT_ONCE = 16


class SiteReading:
    """Each method reads; only `take_over_…` changes something, and only a device's password."""

    queue: ClassVar[str] = DEVICES_QUEUE

    def __init__(self, bmc_logins: BmcLogins, switch_logins: SwitchLogins, artifacts: ArtifactStore) -> None:
        self._bmcs, self._switches = bmc_logins, switch_logins
        self._shelf = ModelShelf(artifacts)

    # --- switches -------------------------------------------------------------------------------------------------

    @activity.defn
    def read_switches(self, order: ReadSwitchesOrder) -> SwitchesRead:
        """What every found switch is and sees. One that will not be read is a sighting; its cables stay unverified.

        Raises:
            LoginBudgetSpent: only in a retry: a try of an attempt that was cut off is waited out before anybody is asked.
            SecretsAway, SecretsRefused: the store's trouble; no switch is judged by it.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        found = self._shelf.get(Discovery, order.discovery).switches
        if is_retry():
            for at in found:
                if not self._state(site, at).has_pending:
                    self._switches.check_budget(switch_target(site, at))
        with ThreadPoolExecutor(SWITCHES_AT_ONCE, thread_name_prefix="switch") as threads:
            parts = list(threads.map(self._read_switch, repeat(site), found))
        return self._kept(site, merged(parts))

    @activity.defn
    def take_over_switches(self, order: TakeSwitchesOrder) -> SwitchesRead:
        """Gives each switch that is not ours yet a password of ours, known to work and kept; a retry neither loses nor doubles one.

        A switch that cannot be taken over is a sighting and stops nobody. One whose take-over had been cut off is read now.

        Raises:
            LoginBudgetSpent: only in a retry: a try of an attempt that was cut off is waited out before anybody is asked.
            SecretsAway, SecretsRefused: the store's trouble; no switch is judged by it.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        before = self._shelf.get(SwitchReadings, order.switches)
        found = [at for at in self._shelf.get(Discovery, order.discovery).switches if at.name in before.not_ours]
        if is_retry():
            for at in found:
                check_budget(self._switches, switch_target(site, at), Goal.OWN)
        with ThreadPoolExecutor(SWITCHES_AT_ONCE, thread_name_prefix="switch") as threads:
            outcomes = list(threads.map(self._take_over_switch, repeat(site), found, repeat(before)))
        others = without_unfinished(before).model_copy(update={"not_ours": ()})
        after = merged((others, *(part for part, _ in outcomes)))
        taken = tuple(at.name for at, (_, changed) in zip(found, outcomes, strict=True) if changed)
        return self._kept(site, after, taken)

    def _kept(self, site: SiteDeclaration, readings: SwitchReadings, taken: tuple[str, ...] = ()) -> SwitchesRead:
        return SwitchesRead(
            readings=self._shelf.put(readings),
            read=len(readings.sights),
            total=len(site.switches),
            sightings=readings.sightings,
            taken_over=taken,
        )

    def _take_over_switch(
        self, site: SiteDeclaration, at: FoundAt, before: SwitchReadings
    ) -> tuple[SwitchReadings, bool]:
        try:
            taken = self._taken_over(switch_target(site, at))
        except STORE_TROUBLE:
            raise
        except EdgewrightError as error:
            return SwitchReadings(sightings=(switch_refused(site, at.name, error),), not_ours=(at.name,)), False
        read_already = any(sight.switch == at.name for sight in before.sights)
        return SwitchReadings() if read_already else self._read_switch(site, at), taken.changed

    def _taken_over(self, target: SwitchTarget) -> TakenOver:
        """A lost answer is no switch that refuses: once more, at once. The budget of logins has room for two runs and no third."""
        try:
            return take_over(self._switches, target, Goal.OWN, beat=beat)
        except Transient as error:
            if error.retry_after_s is not None or isinstance(error, STORE_TROUBLE):
                raise
            return take_over(self._switches, target, Goal.OWN, beat=beat)

    def _read_switch(self, site: SiteDeclaration, at: FoundAt) -> SwitchReadings:
        state = self._state(site, at)
        if state.has_pending:
            # Which password is right is found out by the take-over; a try of ours now would only use up its budget.
            return SwitchReadings(sightings=(take_over_unfinished(site, at.name),), not_ours=(at.name,))
        try:
            with self._switches.open_session(switch_target(site, at)) as session:
                beat(at.name)
                identity, interfaces = session.identity(), session.interfaces()
                sight = sight_of(at.name, identity, interfaces, session.neighbors(), session.mac_table())
        except STORE_TROUBLE:
            raise
        except EdgewrightError as error:
            return SwitchReadings(sightings=(switch_refused(site, at.name, error),))
        wrong = wrong_serial(site, at.name, identity.serial)
        return SwitchReadings(
            sights=(sight,),
            facts=(facts_of_switch(at.name, identity, interfaces),),
            sightings=wrong,
            # Another switch than the declared one is reported, not adopted.
            not_ours=() if _ours(state) or wrong else (at.name,),
        )

    def _state(self, site: SiteDeclaration, at: FoundAt) -> CredentialState:
        return self._switches.secrets.credential_state(site.name, at.name)

    # --- servers --------------------------------------------------------------------------------------------------

    @activity.defn
    def take_over_credentials(self, task: ServerTask) -> Opened:
        """Ends with a password of ours on the server's BMC, known to work and kept; a retry neither loses nor doubles one.

        Raises:
            NotFoundOnNetwork: nobody answered for it.
            Everything that `activities.takeover.take_over` raises.
        """
        taken = take_over(self._bmcs, self._target(task), Goal.OWN, beat=beat)
        return Opened(changed=taken.changed, detail="; ".join(taken.notes))

    @activity.defn
    def read_server(self, task: ServerTask) -> ServerRead:
        """Reads all hardware and firmware in one session; changes nothing. What cannot be read is named in `missing`."""
        reading = self._read(self._target(task))
        assert reading.hardware is not None
        return ServerRead(server=task.server, reading=self._shelf.put(reading), serial=reading.hardware.serial)

    @activity.defn
    def read_known_servers(self, order: ReadKnownOrder) -> KnownRead:
        """Reads every found server that has a credential of ours. For plans and audits: changes nothing, retries nobody.

        One whose take-over would have no login to begin with is told as not readable; nobody asks its BMC.
        """
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        discovery = self._shelf.get(Discovery, order.discovery)
        known = [at for at in discovery.servers if _ours(self._bmcs.secrets.credential_state(site.name, at.name))]
        with ThreadPoolExecutor(SERVERS_AT_ONCE, thread_name_prefix="server") as threads:
            readings = tuple(threads.map(self._read_or_tell, (bmc_target(site, discovery, at.name) for at in known)))
        strangers = [bmc_target(site, discovery, at.name) for at in discovery.servers if at not in known]
        without_login = tuple(told for target in strangers if (told := self._without_login(target)) is not None)
        return KnownRead(
            readings=self._shelf.put(ServerReadings(readings=(*readings, *without_login))),
            known=len(known),
            read=sum(1 for reading in readings if reading.hardware is not None),
        )

    def _read_or_tell(self, target: BmcTarget) -> ServerReading:
        try:
            return self._read(target)
        except STORE_TROUBLE:
            raise
        except EdgewrightError as error:
            return _untold(target, error)

    def _without_login(self, target: BmcTarget) -> ServerReading | None:
        state = self._bmcs.secrets.credential_state(target.site, target.device)
        if state.has_pending:
            return None
        try:
            self._bmcs.credential(target, CredentialSlot.ENTERED if state.has_entered else CredentialSlot.FACTORY)
        except SecretMissing as error:
            return _untold(target, error)
        return None

    def _read(self, target: BmcTarget) -> ServerReading:
        with self._bmcs.open_session(target) as bmc:
            beat(target.device)
            return ServerReading(name=target.device, address=target.address.host, hardware=bmc.read_hardware())

    def _target(self, task: ServerTask) -> BmcTarget:
        site = self._shelf.get(SiteBundle, task.site.bundle).site
        return bmc_target(site, self._shelf.get(Discovery, task.discovery), task.server)


def _untold(target: BmcTarget, error: EdgewrightError) -> ServerReading:
    trouble = Trouble(kind=error.kind, message=error.message, do=error.do)
    return ServerReading(name=target.device, address=str(target.address), trouble=trouble)


def _ours(state: CredentialState) -> bool:
    """Opened by a credential that nobody else knows. One that a person entered is replaced by the next take-over."""
    return state.has_current and not state.has_entered
