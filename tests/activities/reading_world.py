"""A virtual rack as the devices queue sees it: its declaration, a secret store, an artifact store, and the activities on them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.artifacts import ModelShelf
from activities.bmc_login import BmcDoors
from activities.logins import Logins
from activities.site_naming import SiteNaming
from activities.site_reading import SiteReading
from activities.site_survey import SiteSurvey
from activities.switch_login import SwitchDoors
from clients.nvue import NvueClient, NvueFactory, SwitchAddress, SwitchTimeouts, SwitchUnreachable, Trust
from clients.redfish import RedfishBmcs
from domain.artifact import ArtifactRef
from domain.bmc import BmcAddress
from domain.discovery import Discovery
from domain.nvue import SwitchTarget
from domain.onboarding import (
    Discovered,
    DiscoverOrder,
    NameOrder,
    ReadSwitchesOrder,
    ScanOrder,
    ServerTask,
    SiteBundle,
    SiteRef,
    SwitchesRead,
    SwitchReadings,
    TakeSwitchesOrder,
)
from domain.secret import Login, SecretRef
from domain.site import SiteDeclaration
from domain.targets import switch_target
from store.artifacts import ArtifactFolder
from store.secret_files import SecretFiles
from tests.activities.test_site_survey import declared
from tests.lab.virtual.site_fixtures import TestSite

WINDOW_S = 900.0


@dataclass
class ReadingWorld:
    """What one worker at the site has. A new one on another folder knows none of the first one's passwords."""

    site: TestSite
    folder: Path
    declaration: SiteDeclaration = field(init=False)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.declaration = declared(self.site)
        self.secrets = SecretFiles(self.folder / "secrets")
        artifacts = ArtifactFolder(self.folder / "artifacts")
        self.shelf = ModelShelf(artifacts)
        self.switches = NvueFactory(SwitchTimeouts(poll_s=0.05, absence_s=20.0))
        bmcs = RedfishBmcs()
        self.bmc_logins = Logins(BmcDoors(bmcs, self.secrets), self.secrets, self.clock, secret_marker="EWSECRET")
        self.switch_logins = Logins(
            SwitchDoors(self.switches, self.secrets), self.secrets, self.clock, secret_marker="EWSECRET"
        )
        self.survey = SiteSurvey(bmcs, self.switches.presence, artifacts)
        self.naming = SiteNaming(self.bmc_logins, artifacts)
        self.reading = SiteReading(self.bmc_logins, self.switch_logins, artifacts)
        self.factory("bmc", self.site.login("r1-s01"))
        self.factory("switch", self.site.login("r1-leaf-a"))

    def clock(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def factory(self, kind: str, login: Any, *, password: str = "") -> None:
        """What the installer entered for a kind of device."""
        kept = {"username": login.user, "password": password or login.password}
        self.secrets.put(SecretRef(path=f"site/lab-one-rack/factory-{kind}"), Login.model_validate(kept))

    @property
    def ref(self) -> SiteRef:
        bundle = self.shelf.put(SiteBundle(site=self.declaration, classes={}))
        return SiteRef(name=self.declaration.name, region="lab", bundle=bundle, racks=())

    def discover(self) -> Discovered:
        scanned = self.survey.reach_out_of_band(ScanOrder(site=self.ref))
        return self.survey.discover_devices(DiscoverOrder(site=self.ref, answers=scanned.answers))

    def discovery(self) -> ArtifactRef:
        return self.discover().discovery

    def name(self, found: Discovered) -> Discovered:
        assert found.survey is not None
        return self.naming.name_bmcs(NameOrder(site=self.ref, survey=found.survey))

    def read_switches(self, discovery: ArtifactRef) -> SwitchesRead:
        return self.reading.read_switches(ReadSwitchesOrder(site=self.ref, discovery=discovery))

    def take_over_switches(self, discovery: ArtifactRef, read: SwitchesRead) -> SwitchesRead:
        order = TakeSwitchesOrder(site=self.ref, discovery=discovery, switches=read.readings)
        return self.reading.take_over_switches(order)

    def readings(self, read: SwitchesRead) -> SwitchReadings:
        return self.shelf.get(SwitchReadings, read.readings)

    def task(self, server: str, discovery: ArtifactRef) -> ServerTask:
        return ServerTask(site=self.ref, server=server, discovery=discovery)

    def switch(self, name: str) -> SwitchTarget:
        found = next(at for at in self.shelf.get(Discovery, self.discovery()).switches if at.name == name)
        return switch_target(self.declaration, found)

    def opens(self, name: str, password: str) -> bool:
        """Whether the switch takes this password, by a login that nobody counts."""
        address = BmcAddress(host=str(self.site.switch(name).address), port=self.site.nvue_port)
        found = self.switches.presence(address.host, address.port)
        if found is None:
            raise SwitchUnreachable(f"{name} does not answer.")
        login = Login.model_validate({"username": self.site.login(name).user, "password": password})
        trust = Trust(certificate_sha256=found.certificate_sha256)
        with NvueClient(SwitchAddress(address.host, address.port), login, trust) as client:
            return client.can_log_in()

    def refused_logins(self, name: str) -> int:
        return sum(1 for request in self.site.requests(name) if request["status"] == 401)
