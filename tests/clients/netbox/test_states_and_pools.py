"""States by compare and swap, values from pools, journal: on a real NetBox, with rivals."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from clients.netbox import NetBoxInventory, NetBoxPools, NetBoxSession
from clients.netbox.session import Row, Stale
from domain.errors import Conflict
from domain.inventory import (
    Allocation,
    AmbiguousName,
    DeviceQuery,
    DeviceUnknown,
    InventoryConflict,
    InventoryRefused,
    InventoryUnreachable,
    LifecycleMove,
    Note,
    PoolEmpty,
    PoolSource,
)
from domain.lifecycle import Lifecycle, MoveNotAllowed
from domain.records import Endpoint
from tests.clients.netbox.conftest import SampleSite, make_site

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def recorded(inventory: NetBoxInventory) -> SampleSite:
    """A site with three servers in state `verified`."""
    site = make_site(3)
    site.record(inventory)
    return site


def order(site: SampleSite, server: str, to: Lifecycle, **more: object) -> LifecycleMove:
    start = more.pop("from_states", (Lifecycle.VERIFIED,))
    return LifecycleMove.model_validate(
        {"site": site.name, "device": server, "from_states": start, "to": to, "operation": "op-1", **more}
    )


def test_a_server_is_moved_once_and_a_retry_finds_it_moved(inventory: NetBoxInventory, recorded: SampleSite) -> None:
    move = order(recorded, "r1-s01", Lifecycle.QUARANTINED, reasons=("a GPU is missing",))
    first, again = inventory.set_lifecycle(move), inventory.set_lifecycle(move)
    assert (first.changed, again.changed) == (True, False)
    assert first.device == again.device
    assert first.device.lifecycle is Lifecycle.QUARANTINED
    assert first.device.status == "failed"
    assert first.device.reasons == ("a GPU is missing",)
    back = inventory.set_lifecycle(
        order(recorded, "r1-s01", Lifecycle.VERIFIED, from_states=(Lifecycle.QUARANTINED,), operation="op-2")
    )
    assert (back.device.reasons, back.device.status) == ((), "staged")


def test_the_time_in_a_state_counts_from_the_move_whatever_else_is_written(
    inventory: NetBoxInventory, session: NetBoxSession
) -> None:
    site = make_site(2)
    site.record(inventory)
    recorded_at = datetime.now(UTC)
    names = ("r1-s01", "r1-s02")

    def late(state: Lifecycle, since: datetime) -> list[str]:
        query = DeviceQuery(site=site.name, names=names, lifecycles=(state,), unchanged_since=since)
        return [device.name for device in inventory.devices(query)]

    moved = inventory.set_lifecycle(order(site, "r1-s01", Lifecycle.QUARANTINED, reasons=("x",))).device
    moved_at = datetime.now(UTC)
    assert moved.since is not None
    assert recorded_at <= moved.since <= moved_at
    for device in inventory.devices(DeviceQuery(site=site.name, names=names)):
        session.update("dcim/devices", [{"id": device.id, "comments": "somebody was here"}])
    assert late(Lifecycle.QUARANTINED, moved_at) == ["r1-s01"], "a note does not start the clock again"
    assert late(Lifecycle.VERIFIED, recorded_at) == ["r1-s02"], "one that was never moved counts from its recording"
    assert late(Lifecycle.QUARANTINED, moved.since - timedelta(seconds=1)) == []
    more = order(
        site, "r1-s01", Lifecycle.QUARANTINED, from_states=(Lifecycle.QUARANTINED,), operation="op-2", reasons=("y",)
    )
    assert inventory.set_lifecycle(more).device.since == moved.since, "another reason is no other state"


def test_of_rivals_who_saw_the_same_state_one_gets_the_server(inventory: NetBoxInventory, recorded: SampleSite) -> None:
    everybody = threading.Barrier(6)

    def claim(n: int) -> str:
        everybody.wait()
        try:
            inventory.set_lifecycle(order(recorded, "r1-s02", Lifecycle.AVAILABLE, operation=f"op-rival-{n}"))
        except InventoryConflict:
            return ""
        return f"op-rival-{n}"

    with ThreadPoolExecutor(6) as pool:
        winners = [name for name in pool.map(claim, range(6)) if name]
    (state,) = inventory.devices(DeviceQuery(site=recorded.name, names=("r1-s02",)))
    assert winners == [state.operation]


class Meddler(NetBoxSession):
    """Lets somebody else write between our look and our write."""

    def __init__(self, real: NetBoxSession, meddle: Iterator[Callable[[], None]]) -> None:
        self.__dict__.update(real.__dict__)
        self._meddle = meddle
        self.stale = 0

    def update_if_unchanged(self, path: str, number: int, etag: str, payload: Row) -> Row:
        next(self._meddle, lambda: None)()
        try:
            return super().update_if_unchanged(path, number, etag, payload)
        except Stale:
            self.stale += 1
            raise


def test_a_stale_write_is_a_conflict_only_if_what_was_decided_on_changed(
    inventory: NetBoxInventory, session: NetBoxSession, recorded: SampleSite
) -> None:
    (device,) = inventory.devices(DeviceQuery(site=recorded.name, names=("r1-s03",)))

    def comment() -> None:
        session.update("dcim/devices", [{"id": device.id, "comments": "somebody was here"}])

    def take() -> None:
        session.update("dcim/devices", [{"id": device.id, "custom_fields": {"ew_lifecycle": "maintenance"}}])

    meddled = Meddler(session, iter([comment]))
    moved = NetBoxInventory(meddled).set_lifecycle(order(recorded, "r1-s03", Lifecycle.QUARANTINED, reasons=("x",)))
    assert moved.changed
    assert meddled.stale == 1

    robbed = Meddler(session, iter([take]))
    with pytest.raises(InventoryConflict, match="is maintenance"):
        NetBoxInventory(robbed).set_lifecycle(
            order(recorded, "r1-s03", Lifecycle.VERIFIED, from_states=(Lifecycle.QUARANTINED,), operation="op-3")
        )
    assert robbed.stale == 1


def test_who_holds_a_server_is_part_of_the_decision(inventory: NetBoxInventory, recorded: SampleSite) -> None:
    (now,) = inventory.devices(DeviceQuery(site=recorded.name, names=("r1-s01",)))
    assert now.lifecycle is not None
    with pytest.raises(InventoryConflict, match="held by nobody"):
        inventory.set_lifecycle(
            order(
                recorded,
                "r1-s01",
                Lifecycle.MAINTENANCE,
                from_states=(now.lifecycle,),
                expected_holder="tenant/acme",
                operation="op-9",
            )
        )


def test_a_move_the_lifecycle_does_not_have_is_refused(inventory: NetBoxInventory, recorded: SampleSite) -> None:
    (now,) = inventory.devices(DeviceQuery(site=recorded.name, names=("r1-s01",)))
    assert now.lifecycle is not None
    with pytest.raises(MoveNotAllowed):
        inventory.set_lifecycle(
            order(recorded, "r1-s01", Lifecycle.PROVISIONED, from_states=(now.lifecycle,), operation="op-9")
        )


def test_a_device_that_is_not_there_and_one_that_is_there_twice(
    inventory: NetBoxInventory, session: NetBoxSession, recorded: SampleSite, site: SampleSite
) -> None:
    with pytest.raises(DeviceUnknown, match="nowhere/r1-s01"):
        inventory.set_lifecycle(order(site, "r1-s01", Lifecycle.AVAILABLE).model_copy(update={"site": "nowhere"}))
    devices = {d.name: d for d in inventory.devices(DeviceQuery(site=recorded.name))}
    for key in (f"{recorded.name}/r1-s01", f"{recorded.name}/leaf-a"):
        session.update("dcim/devices", [{"id": devices["leaf-a"].id, "custom_fields": {"ew_key": key}}])
        if key.endswith("r1-s01"):
            with pytest.raises(AmbiguousName, match="2 devices"):
                inventory.set_lifecycle(order(recorded, "r1-s01", Lifecycle.AVAILABLE))


def test_devices_are_listed_by_site_role_and_state(inventory: NetBoxInventory, recorded: SampleSite) -> None:
    every = inventory.devices(DeviceQuery(site=recorded.name))
    assert {device.name for device in every} == {"r1-s01", "r1-s02", "r1-s03", "leaf-a"}
    servers = inventory.devices(DeviceQuery(site=recorded.name, roles=("gpu-server",)))
    assert {device.name for device in servers} == {"r1-s01", "r1-s02", "r1-s03"}
    assert all(device.lifecycle and device.rack == "r1" and device.address for device in servers)
    available = inventory.devices(DeviceQuery(site=recorded.name, lifecycles=(Lifecycle.AVAILABLE,)))
    assert {device.name for device in available} == {"r1-s02"}
    assert inventory.devices(DeviceQuery(site="no-such-site")) == ()
    assert inventory.devices(DeviceQuery(region="no-such-region")) == ()


def test_a_journal_entry_is_written_once(
    inventory: NetBoxInventory, session: NetBoxSession, recorded: SampleSite
) -> None:
    note = Note(
        endpoint=Endpoint.DEVICE,
        object_key=f"{recorded.name}/r1-s01",
        key="op-1/verified",
        text="Verified.",
        kind="success",
    )
    assert [inventory.write_note(note), inventory.write_note(note)] == [True, False]
    rows = session.rows("extras/journal-entries", {"cf_ew_key": "op-1/verified"})
    assert [(row["comments"], row["kind"]["value"]) for row in rows] == [("Verified.", "success")]


# Pools.


@pytest.fixture
def prefix(session: NetBoxSession, inventory: NetBoxInventory, site: SampleSite) -> int:
    return session.create_one("ipam/prefixes", {"prefix": f"198.18.{site.number}.0/28", "status": "active"})["id"]


def test_rivals_get_different_addresses_and_a_retry_gets_its_own_again(
    pools: NetBoxPools, prefix: int, site: SampleSite
) -> None:
    def take(n: int) -> str:
        source = PoolSource(kind="address", parent_id=prefix)
        return pools.allocate(Allocation(source=source, claim=f"{site.name}/claim-{n}")).value

    with ThreadPoolExecutor(4) as threads:
        values = list(threads.map(take, range(6)))
    assert len(set(values)) == 6
    assert [take(n) for n in range(6)] == values
    held = pools.held("address", f"{site.name}/claim-")
    assert sorted(one.value for one in held) == sorted(values)
    assert {one.claim for one in held} == {f"{site.name}/claim-{n}" for n in range(6)}
    assert pools.release("address", f"{site.name}/claim-0") == 1
    assert pools.release("address", f"{site.name}/claim-0") == 0
    assert len(pools.held("address", f"{site.name}/claim-")) == 5


def test_a_call_whose_answer_was_lost_is_found_by_its_claim(
    pools: NetBoxPools, session: NetBoxSession, prefix: int, site: SampleSite
) -> None:
    claim = f"{site.name}/lost"
    row = session.create_one(f"ipam/prefixes/{prefix}/available-ips", {"custom_fields": {"ew_key": claim}})
    again = pools.allocate(Allocation(source=PoolSource(kind="address", parent_id=prefix), claim=claim))
    assert (again.value, again.taken_now) == (row["address"], False)


def test_a_claim_that_holds_two_values_is_said_and_not_guessed(
    pools: NetBoxPools, session: NetBoxSession, prefix: int, site: SampleSite
) -> None:
    claim = f"{site.name}/double"
    for _ in range(2):
        session.create_one(f"ipam/prefixes/{prefix}/available-ips", {"custom_fields": {"ew_key": claim}})
    with pytest.raises(AmbiguousName, match="holds 2 values"):
        pools.allocate(Allocation(source=PoolSource(kind="address", parent_id=prefix), claim=claim))


def test_an_empty_pool_is_a_conflict_that_says_so(pools: NetBoxPools, session: NetBoxSession, site: SampleSite) -> None:
    tiny = session.create_one("ipam/prefixes", {"prefix": f"198.19.{site.number}.0/31", "status": "active"})["id"]
    source = PoolSource(kind="address", parent_id=tiny)
    for n in range(2):
        pools.allocate(Allocation(source=source, claim=f"{site.name}/tiny-{n}"))
    with pytest.raises(PoolEmpty) as empty:
        pools.allocate(Allocation(source=source, claim=f"{site.name}/tiny-2"))
    assert isinstance(empty.value, Conflict)


def test_prefixes_asns_and_vlans_come_from_their_pools_too(
    pools: NetBoxPools, session: NetBoxSession, inventory: NetBoxInventory, site: SampleSite
) -> None:
    wide = session.create_one("ipam/prefixes", {"prefix": f"100.64.{site.number}.0/24", "status": "container"})["id"]
    rir = session.create_one("ipam/rirs", {"name": f"rir {site.number}", "slug": f"rir-{site.number}"})["id"]
    first = 4210000000 + site.number * 10
    asns = session.create_one(
        "ipam/asn-ranges",
        {"name": f"asns {site.number}", "slug": f"asns-{site.number}", "rir": rir, "start": first, "end": first + 5},
    )["id"]
    group = session.create_one("ipam/vlan-groups", {"name": f"vlans {site.number}", "slug": f"vlans-{site.number}"})[
        "id"
    ]

    def take(kind: str, parent: int, **more: object) -> str:
        request = {"source": {"kind": kind, "parent_id": parent}, "claim": f"{site.name}/{kind}", **more}
        return pools.allocate(Allocation.model_validate(request)).value

    assert take("prefix", wide, prefix_length=28) == f"100.64.{site.number}.0/28"
    assert take("asn", asns) == str(first)
    assert take("vlan", group, name="storage") == "1"
    assert take("vlan", group, name="storage") == "1"
    with pytest.raises(InventoryRefused, match="no pool of kind"):
        take("nonsense", group)


# The wire.


def test_a_netbox_that_does_not_answer_is_transient() -> None:
    with pytest.raises(InventoryUnreachable, match="does not answer") as error:
        NetBoxSession("http://127.0.0.1:9", "nbt_none.none").rows("dcim/sites")
    assert error.value.retryable


def test_a_wrong_token_is_refused_with_what_to_do(session: NetBoxSession) -> None:
    with pytest.raises(InventoryRefused, match="does not allow") as error:
        NetBoxSession(session.url, "nbt_none.none").rows("dcim/sites")
    assert "EDGEWRIGHT_NETBOX_TOKEN_FILE" in error.value.do


def test_a_refusal_has_netboxs_words_for_each_field(session: NetBoxSession) -> None:
    with pytest.raises(InventoryRefused, match=r"slug: .*required"):
        session.create_one("dcim/sites", {"name": "nameless"})


def test_a_long_filter_is_asked_in_several_requests(session: NetBoxSession, inventory: NetBoxInventory) -> None:
    slugs = [f"a-slug-that-nobody-has-{n:05d}" for n in range(400)]
    rows = session.rows_by("dcim/device-roles", "slug", [*slugs, "gpu-server"], fields=("id", "slug"))
    assert [row["slug"] for row in rows] == ["gpu-server"]
