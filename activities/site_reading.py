"""Reading a site's devices once they are discovered: switches in one go, servers one by one. Queue `devices`.

Uses only devices, the secret store and the artifact store.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import ClassVar

from temporalio import activity

from activities.artifacts import ModelShelf
from activities.bmc_login import BmcLogins
from activities.bmc_takeover import take_over
from activities.heartbeat import beat
from activities.switch_login import SwitchLogins
from domain.access import Place
from domain.artifact import ArtifactStore
from domain.bmc import BmcAddress, BmcTarget, Goal
from domain.discovery import Discovery, FoundAt
from domain.errors import EdgewrightError
from domain.finding import Severity, Sighting
from domain.judgement import ServerReading, Trouble
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
)
from domain.order import DEVICES_QUEUE
from domain.recording_facts import DeviceFacts
from domain.site import SiteDeclaration
from domain.switch_sight import facts_of_switch, sight_of
from domain.targets import bmc_target

SWITCHES_AT_ONCE = 8
SERVERS_AT_ONCE = 16

type SwitchOutcome = tuple[SwitchReadings, bool]


class SiteReading:
    """Each method reads; only `take_over_credentials` changes something, and only a BMC's password."""

    queue: ClassVar[str] = DEVICES_QUEUE

    def __init__(self, bmc_logins: BmcLogins, switch_logins: SwitchLogins, artifacts: ArtifactStore) -> None:
        self._bmcs, self._switches = bmc_logins, switch_logins
        self._shelf = ModelShelf(artifacts)

    # --- switches -------------------------------------------------------------------------------------------------

    @activity.defn
    def read_switches(self, order: ReadSwitchesOrder) -> SwitchesRead:
        """What every found switch is and sees. One that will not be read is a sighting; its cables stay unverified."""
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        found = self._shelf.get(Discovery, order.discovery).switches
        with ThreadPoolExecutor(SWITCHES_AT_ONCE, thread_name_prefix="switch") as threads:
            outcomes = list(threads.map(self._read_switch, repeat(site), found))
        readings = SwitchReadings(
            sights=tuple(sight for part, _ in outcomes for sight in part.sights),
            facts=tuple(facts for part, _ in outcomes for facts in part.facts),
            sightings=tuple(sighting for part, _ in outcomes for sighting in part.sightings),
        )
        return SwitchesRead(
            readings=self._shelf.put(readings),
            read=sum(1 for _, read in outcomes if read),
            total=len(site.switches),
            sightings=readings.sightings,
        )

    def _read_switch(self, site: SiteDeclaration, at: FoundAt) -> SwitchOutcome:
        address = BmcAddress(host=at.address, port=at.port)
        try:
            with self._switches.open_session(site, at.name, address) as (session, identity):
                beat(at.name)
                interfaces = session.interfaces()
                sight = sight_of(at.name, identity, interfaces, session.neighbors(), session.mac_table())
        except EdgewrightError as error:
            sighting = _switch_sighting(site, at.name, error.kind, error.message, error.do)
            return SwitchReadings(sightings=(sighting,)), False
        declared = next(switch for switch in site.switches if switch.name == at.name)
        sightings: tuple[Sighting, ...] = ()
        if declared.serial is not None and identity.serial != declared.serial:
            message = f"{at.name} has serial {identity.serial}, the declaration says {declared.serial}."
            do = "Check that the right switch is in this place, or correct the declaration."
            sightings = (_switch_sighting(site, at.name, "serial-mismatch", message, do),)
        facts: DeviceFacts = facts_of_switch(at.name, identity, interfaces)
        return SwitchReadings(sights=(sight,), facts=(facts,), sightings=sightings), True

    # --- servers --------------------------------------------------------------------------------------------------

    @activity.defn
    def take_over_credentials(self, task: ServerTask) -> Opened:
        """Ends with a password of ours on the server's BMC, known to work and kept; a retry neither loses nor doubles one.

        Raises:
            NotFoundOnNetwork: nobody answered for it.
            Everything that `activities.bmc_takeover.take_over` raises.
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
        """Reads every found server that has a credential of ours. For plans and audits: changes nothing, retries nobody."""
        site = self._shelf.get(SiteBundle, order.site.bundle).site
        discovery = self._shelf.get(Discovery, order.discovery)
        known = [at for at in discovery.servers if self._bmcs.secrets.credential_state(site.name, at.name).has_current]
        with ThreadPoolExecutor(SERVERS_AT_ONCE, thread_name_prefix="server") as threads:
            readings = tuple(threads.map(self._read_or_tell, (bmc_target(site, discovery, at.name) for at in known)))
        return KnownRead(
            readings=self._shelf.put(ServerReadings(readings=readings)),
            known=len(known),
            read=sum(1 for reading in readings if reading.hardware is not None),
        )

    def _read_or_tell(self, target: BmcTarget) -> ServerReading:
        try:
            return self._read(target)
        except EdgewrightError as error:
            trouble = Trouble(kind=error.kind, message=error.message, do=error.do)
            return ServerReading(name=target.device, address=str(target.address), trouble=trouble)

    def _read(self, target: BmcTarget) -> ServerReading:
        with self._bmcs.open_session(target) as bmc:
            beat(target.device)
            return ServerReading(name=target.device, address=target.address.host, hardware=bmc.read_hardware())

    def _target(self, task: ServerTask) -> BmcTarget:
        site = self._shelf.get(SiteBundle, task.site.bundle).site
        return bmc_target(site, self._shelf.get(Discovery, task.discovery), task.server)


def _switch_sighting(site: SiteDeclaration, name: str, kind: str, message: str, do: str) -> Sighting:
    return Sighting(
        object=f"site/{site.name}/switch/{name}",
        kind=kind,
        severity=Severity.CRITICAL,
        message=message,
        do=do,
        place=Place(region=site.region.name, site=site.name),
    )
