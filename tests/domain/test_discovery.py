"""Which BMC is which declared server: the better proof wins over the weaker one."""

from domain.discovery import BmcFound, Discovery, Survey, discover, sightings
from domain.hardware import BmcIdentity
from domain.site import SiteDeclaration
from tests.domain.test_declaration_checks import SITE

MAC, OTHER_MAC = "02:e3:7e:00:00:01", "02:e3:7e:00:00:02"


def site(**servers: dict[str, str]) -> SiteDeclaration:
    site = SiteDeclaration.model_validate(SITE)
    like = site.servers[0].model_dump(mode="json", by_alias=True, exclude={"serial", "bmc_mac", "bmc_address"})
    declared = [
        like | {"name": name.replace("_", "-"), "unit": 4 + 4 * n} | by for n, (name, by) in enumerate(servers.items())
    ]
    ranges = {"out_of_band": SITE["out_of_band"] | {"ranges": ["127.0.0.0/28", "127.64.1.0/27"]}}
    return SiteDeclaration.model_validate(SITE | ranges | {"servers": declared, "cables": []})


def bmc(address: str, **known: str) -> BmcFound:
    identity = BmcIdentity(address=address, certificate_sha256="ab" * 32)
    return BmcFound.model_validate({"address": address, "port": 443, "identity": identity, **known})


def found(site: SiteDeclaration, *bmcs: BmcFound) -> Discovery:
    return discover(site, Survey(scanned=1, bmcs=bmcs))


def where(discovery: Discovery) -> dict[str, str]:
    return {at.name: at.address for at in discovery.servers}


def test_a_server_declared_by_serial_or_mac_is_missing_and_nameable_until_its_bmc_said_who_it_is() -> None:
    declared = site(a={"serial": "S1"}, b={"bmc_mac": MAC})
    unknown = found(declared, bmc("127.0.0.1"), bmc("127.0.0.2"))
    assert (unknown.missing_servers, unknown.nameable, len(unknown.unnamed)) == (("a", "b"), True, 2)
    named = found(declared, bmc("127.0.0.1", mac=MAC), bmc("127.0.0.2", serial="S1"))
    assert where(named) == {"a": "127.0.0.2", "b": "127.0.0.1"}
    assert (named.missing_servers, named.nameable, named.unexpected) == ((), False, ())


def test_nobody_is_asked_for_a_name_where_no_missing_server_could_have_it() -> None:
    declared = site(a={"bmc_address": "127.0.0.9"})
    assert not found(declared, bmc("127.0.0.1")).nameable
    assert not found(site(a={"serial": "S1"})).nameable


def test_a_certificate_that_is_a_declared_servers_names_its_bmc_wherever_it_is() -> None:
    declared = site(a={"serial": "S1"})
    assert where(found(declared, bmc("127.0.0.7", device="a"))) == {"a": "127.0.0.7"}


def test_a_serial_proves_more_than_an_address() -> None:
    declared = site(a={"serial": "S1", "bmc_address": "127.0.0.1"}, b={"serial": "S2", "bmc_address": "127.0.0.2"})
    crossed = found(declared, bmc("127.0.0.1", serial="S2"), bmc("127.0.0.2", serial="S1"))
    assert where(crossed) == {"a": "127.0.0.2", "b": "127.0.0.1"}


def test_a_bmc_whose_known_serial_is_anothers_is_not_taken_for_its_address() -> None:
    by_address_only = site(a={"bmc_address": "127.0.0.1"}, b={"serial": "S2"})
    moved = found(by_address_only, bmc("127.0.0.1", serial="S2"))
    assert (where(moved), moved.missing_servers) == ({"b": "127.0.0.1"}, ("a",))
    with_serial = site(a={"serial": "S1", "bmc_address": "127.0.0.1"})
    stranger = found(with_serial, bmc("127.0.0.1", serial="S9"))
    assert (where(stranger), stranger.unexpected) == ({}, ("127.0.0.1:443",))
    with_mac = site(a={"bmc_mac": MAC, "bmc_address": "127.0.0.1"})
    assert where(found(with_mac, bmc("127.0.0.1", mac=OTHER_MAC))) == {}


def test_one_bmc_is_never_two_servers() -> None:
    declared = site(a={"serial": "S1"}, b={"bmc_mac": MAC})
    once = found(declared, bmc("127.0.0.1", serial="S1", mac=MAC))
    assert (where(once), once.missing_servers) == ({"a": "127.0.0.1"}, ("b",))


def test_a_bmc_that_would_not_say_who_it_is_is_reported_with_the_reason() -> None:
    declared = site(a={"serial": "S1"})
    seen = [
        s
        for s in sightings(declared, found(declared, bmc("127.0.0.1", unnamed_because="It would not say.")))
        if s.kind != "switch-not-found"
    ]
    assert [s.kind for s in seen] == ["server-not-found", "unexpected-device"]
    assert seen[1].message.endswith("It was left alone. It would not say.")
