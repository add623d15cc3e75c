"""A rack is recorded, and what another hand quarantined stays out of it."""

from pathlib import Path

import pytest

from activities.artifacts import ModelShelf
from activities.recording import RecordingActivities
from domain.inventory import DeviceQuery, LifecycleMove
from domain.lifecycle import Lifecycle
from domain.onboarding import RackVerdict, Recorded, RecordOrder, SiteBundle, SiteRef, SwitchReadings
from domain.recording_facts import ServerFacts
from store.artifacts import ArtifactFolder
from tests.domain.recording_samples import declaration, facts, server_class
from tests.e2e.inventory_in_file import InventoryInFile

SITE = declaration(servers=2)


class World:
    """A site whose servers are good, as often as it is recorded."""

    def __init__(self, folder: Path) -> None:
        artifacts = ArtifactFolder(folder / "artifacts")
        self.shelf = ModelShelf(artifacts)
        self.inventory = InventoryInFile(folder / "inventory")
        self.steps = RecordingActivities(self.inventory, artifacts)
        bundle = self.shelf.put(SiteBundle(site=SITE, classes={"mgx-h100": server_class()}))
        self.site = SiteRef(name=SITE.name, region=SITE.region.name, bundle=bundle, racks=())
        self.switches = self.shelf.put(SwitchReadings(facts=facts(SITE).devices))

    def record(self, operation: str, *servers: ServerFacts) -> Recorded:
        order = RecordOrder(operation_id=operation, site=self.site, switches=self.switches)
        self.steps.record_site(order)
        verdict = self.shelf.put(RackVerdict(servers=servers))
        return self.steps.record_rack(order.model_copy(update={"rack": "r1", "verdict": verdict}))

    def move(self, server: str, to: Lifecycle, *reasons: str, judged: bool = False) -> None:
        self.inventory.set_lifecycle(
            LifecycleMove(
                site=SITE.name, device=server, from_states=tuple(Lifecycle), to=to, operation="op-erase", reasons=reasons,
                judged=judged,
            )
        )  # fmt: skip

    def state(self, server: str) -> tuple[Lifecycle | None, tuple[str, ...]]:
        (device,) = self.inventory.devices(DeviceQuery(site=SITE.name, names=(server,)))
        return device.lifecycle, device.reasons


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


GOOD = tuple(server.model_copy(update={"lifecycle": Lifecycle.AVAILABLE}) for server in facts(SITE).servers)


def test_a_quarantine_by_another_hand_outlasts_every_onboarding(world: World) -> None:
    assert world.record("op-1", *GOOD).quarantined == ()
    world.move("r1-s01", Lifecycle.QUARANTINED, "sanitisation failed: tenant data may be on it")
    for operation in ("op-2", "op-3"):
        recorded = world.record(operation, *GOOD)
        assert recorded.quarantined == ("r1-s01",)
        assert [(flag.object, flag.kind) for flag in recorded.flags] == [
            ("site/oslo-1/server/r1-s01", "quarantined-by-another")
        ]
        assert world.state("r1-s01") == (
            Lifecycle.QUARANTINED, ("sanitisation failed: tenant data may be on it",),
        )  # fmt: skip
        assert world.state("r1-s02") == (Lifecycle.AVAILABLE, ())
    # Released by a person, as the finding says.
    world.move("r1-s01", Lifecycle.VERIFIED)
    assert world.record("op-4", *GOOD).quarantined == ()
    assert world.state("r1-s01") == (Lifecycle.AVAILABLE, ())


@pytest.mark.parametrize("when", ["when it is made", "when it is looked at again"])
def test_what_onboarding_quarantined_it_brings_in_once_it_is_mended(world: World, when: str) -> None:
    bad = GOOD[0].model_copy(update={"lifecycle": Lifecycle.QUARANTINED, "reasons": ("a GPU is missing",)})
    if when == "when it is looked at again":
        world.record("op-0", *GOOD)
    world.record("op-1", bad, GOOD[1])
    assert world.state("r1-s01") == (Lifecycle.QUARANTINED, ("a GPU is missing",))
    recorded = world.record("op-2", *GOOD)
    assert (recorded.quarantined, recorded.flags, recorded.moved) == ((), (), 2)
    assert world.state("r1-s01") == (Lifecycle.AVAILABLE, ())


def test_a_server_under_another_name_is_not_recorded_and_the_operation_is_told(world: World) -> None:
    world.record("op-1", *GOOD)
    text = SITE.model_dump_json(by_alias=True).replace('"r1-s01"', '"r1-s09"')
    bundle = world.shelf.put(
        SiteBundle(site=type(SITE).model_validate_json(text), classes={"mgx-h100": server_class()})
    )
    world.site = world.site.model_copy(update={"bundle": bundle})
    renamed = world.record("op-2", GOOD[0].model_copy(update={"name": "r1-s09"}), GOOD[1])
    assert [flag.kind for flag in renamed.flags] == ["renamed"]
    assert len(renamed.refused) == 1
    assert "call it r1-s01" in renamed.refused[0]
    assert world.state("r1-s01") == (Lifecycle.AVAILABLE, ())
