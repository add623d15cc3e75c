"""Puts the activities of each queue together: the only place that knows which client and which store is behind each Protocol.

A new class of activities is one line in `CONTROL` or `DEVICES`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

import store
from activities.acceptance import AcceptanceActivities
from activities.bmc_login import BmcDoors, BmcLogins
from activities.evidence import EvidenceActivities
from activities.fleet import FleetActivities
from activities.inventory import InventoryActivities
from activities.logins import LOCKOUT_WINDOW_S, Doors, Logins
from activities.onboarding import OnboardingActivities
from activities.operations import OperationActivities
from activities.recording import RecordingActivities
from activities.site_naming import SiteNaming
from activities.site_planning import SitePlanning
from activities.site_reading import SiteReading
from activities.site_survey import SiteSurvey
from activities.switch_login import SwitchDoors, SwitchLogins
from activities.system_login import BmcObserver, NvueObserver
from activities.system_observing import SystemObserving
from clients.dns import DnsObserver
from clients.netbox import NetBoxInventory
from clients.ntp import NtpObserver
from clients.nvue import NvueFactory, SwitchTimeouts
from clients.redfish import BmcTimeouts, RedfishBmcs
from domain.account import Account
from domain.artifact import ArtifactStore
from domain.bmc import BmcFactory
from domain.errors import Rejected
from domain.inventory import Inventory
from domain.nvue import SwitchFactory
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE
from domain.secret import SecretStore
from domain.system_drivers import DRIVERS, DriverName
from domain.systems import SystemDriver, SystemDrivers
from store.database import utc_now
from store.declarations import DeclarationRows, PlanRows
from store.ledger import Ledger, signing_key
from store.operations import OperationRows
from store.settings import StoreSettings
from store.standing import FindingRows, HoldRows
from worker.settings import NetBoxSettings, SettingsIncomplete, WorkerSettings
from workflows import calls
from workflows.activity import Activity

SURVEY_TRIES = 2


class WiringIncomplete(Rejected):
    """A workflow calls an activity that no worker would run; a fault of this build, found before anything starts."""

    kind = "wiring-incomplete"


class QueueUnknown(Rejected):
    """A queue that is neither `control`, nor `devices`, nor a site's own."""

    kind = "queue-unknown"


@dataclass(frozen=True)
class ControlParts:
    """What the control queue works with."""

    engine: Engine
    inventory: Inventory
    artifacts: ArtifactStore
    ledger: Ledger


@dataclass(frozen=True)
class DevicesParts:
    """What a queue at devices works with: no inventory and no Postgres, so that its worker can stand at a site."""

    bmcs: BmcFactory
    surveyed: BmcFactory
    """The same with less patience: one BMC that stalls must not hold up the discovery of a site."""
    switches: SwitchFactory
    secrets: SecretStore
    artifacts: ArtifactStore
    secret_marker: str = ""
    lockout_window_s: float = LOCKOUT_WINDOW_S

    @property
    def bmc_logins(self) -> BmcLogins:
        return self._logins(BmcDoors(self.bmcs, self.secrets))

    @property
    def switch_logins(self) -> SwitchLogins:
        return self._logins(SwitchDoors(self.switches, self.secrets))

    @property
    def system_drivers(self) -> SystemDrivers:
        """One driver of each name, for every kind of system that it observes."""
        made: dict[DriverName, SystemDriver] = {
            DriverName.BIND9: DnsObserver(),
            DriverName.NTP: NtpObserver(),
            DriverName.REDFISH: BmcObserver(self.bmcs, self.bmc_logins),
            DriverName.NVUE: NvueObserver(self.switches, self.switch_logins),
        }
        return {(kind, str(name)): made[name] for name, needs in DRIVERS.items() for kind in needs.kinds}

    def _logins[A: Account](self, doors: Doors[A]) -> Logins[A]:
        window_s, marker = self.lockout_window_s, self.secret_marker
        return Logins(doors, self.secrets, utc_now, lockout_window_s=window_s, secret_marker=marker)


CONTROL: Mapping[type, Callable[[ControlParts], object]] = {
    OperationActivities: lambda p: OperationActivities(
        OperationRows(p.engine), FindingRows(p.engine), HoldRows(p.engine)
    ),
    OnboardingActivities: lambda p: OnboardingActivities(DeclarationRows(p.engine), p.artifacts, p.ledger),
    RecordingActivities: lambda p: RecordingActivities(p.inventory, p.artifacts),
    InventoryActivities: lambda p: InventoryActivities(p.inventory, p.artifacts),
    AcceptanceActivities: lambda p: AcceptanceActivities(p.artifacts, p.ledger),
    EvidenceActivities: lambda p: EvidenceActivities(p.ledger),
    SitePlanning: lambda p: SitePlanning(
        p.inventory, PlanRows(p.engine), FindingRows(p.engine), p.artifacts, utc_now, p.ledger
    ),
    FleetActivities: lambda p: FleetActivities(DeclarationRows(p.engine), p.inventory, FindingRows(p.engine), utc_now),
}

DEVICES: Mapping[type, Callable[[DevicesParts], object]] = {
    SiteSurvey: lambda p: SiteSurvey(p.surveyed, p.switches.presence, p.artifacts),
    SiteNaming: lambda p: SiteNaming(p.bmc_logins, p.artifacts),
    SiteReading: lambda p: SiteReading(p.bmc_logins, p.switch_logins, p.artifacts),
    SystemObserving: lambda p: SystemObserving(p.system_drivers, p.artifacts),
}


def activities_for(queue: str, settings: WorkerSettings) -> list[Callable[..., Any]]:
    """Every activity of the queue, with its clients and stores; reads only those settings that the queue needs.

    Raises:
        QueueUnknown, SettingsIncomplete: with what to set.
        WiringIncomplete: a workflow calls what is not registered.
    """
    check_calls()
    if queue == CONTROL_QUEUE:
        control = _control_parts()
        wired = [make(control) for make in CONTROL.values()]
    elif queue == DEVICES_QUEUE or queue.removeprefix("edge-") != queue:
        devices = _devices_parts(settings)
        wired = [make(devices) for make in DEVICES.values()]
    else:
        raise QueueUnknown(
            f"There is no queue {queue!r}.",
            do=f"Set EDGEWRIGHT_WORKER_QUEUES to {CONTROL_QUEUE}, {DEVICES_QUEUE} or edge-SITE, separated by commas.",
        )
    return [getattr(each, attribute) for each in wired for attribute in activity_names(type(each)).values()]


def activity_names(kind: type) -> dict[str, str]:
    """The names under which Temporal knows a class's activities, and the methods that they are."""
    definitions = {
        method: getattr(function, "__temporal_activity_definition", None)
        for method, function in inspect.getmembers_static(kind, inspect.isfunction)
    }
    return {str(definition.name): method for method, definition in definitions.items() if definition is not None}


def called() -> frozenset[str]:
    """The names of all activities that workflows call."""
    return frozenset(call.name for call in vars(calls).values() if isinstance(call, Activity))


def check_calls(
    control: frozenset[str] | None = None, devices: frozenset[str] | None = None, wanted: frozenset[str] | None = None
) -> None:
    """Each activity that workflows call is registered on exactly one kind of queue. Raises `WiringIncomplete`."""
    control = registered(CONTROL) if control is None else control
    devices = registered(DEVICES) if devices is None else devices
    wanted = called() if wanted is None else wanted
    absent = wanted - control - devices
    doubled = control & devices
    if absent or doubled:
        what = [f"{name} has no activity" for name in sorted(absent)]
        what += [f"{name} is on both queues" for name in sorted(doubled)]
        raise WiringIncomplete(
            f"Workflows call what this build does not register: {'; '.join(what)}.",
            do="Add the activity's class to CONTROL or DEVICES in worker/wiring.py.",
        )


def registered(wiring: Mapping[type, Any]) -> frozenset[str]:
    return frozenset(name for kind in wiring for name in activity_names(kind))


def _control_parts() -> ControlParts:
    stores, netbox = StoreSettings(), NetBoxSettings()
    if not stores.database_url:
        raise SettingsIncomplete(
            "EDGEWRIGHT_DATABASE_URL is not set, and the control queue keeps operations there.",
            do="Run `edgewright up`, or name a Postgres: postgresql+psycopg://edgewright_app@host/edgewright",
        )
    return ControlParts(
        engine=store.connect(stores.database_url),
        inventory=NetBoxInventory(netbox.session()),
        artifacts=store.artifacts_from(stores),
        ledger=Ledger(
            store.connect(stores.database_url, pool_size=2),
            signing_key(stores.ledger_key_file),
        ),
    )


def _devices_parts(settings: WorkerSettings) -> DevicesParts:
    stores = StoreSettings()
    return DevicesParts(
        bmcs=RedfishBmcs(BmcTimeouts(read_s=settings.device_answer_s)),
        surveyed=RedfishBmcs(BmcTimeouts(read_s=settings.device_answer_s, tries=SURVEY_TRIES)),
        switches=NvueFactory(SwitchTimeouts(read_s=settings.device_answer_s)),
        secrets=store.secrets_from(stores),
        artifacts=store.artifacts_from(stores),
        secret_marker=settings.secret_marker,
        lockout_window_s=settings.lockout_window_s,
    )
