"""The records of a site without its devices: region, site, location, racks, pools, and the words all records share. Pure."""

import ipaddress
import re

from domain.model import Json
from domain.netbox_schema import TAG, Cf, PoolKind
from domain.records import CUSTOM, Endpoint, Field, Link, Record
from domain.site import RackDeclaration, SiteDeclaration

PRIVATE_RIR = "private-use"
"""Who gives out numbers that nobody gives out (RFC 6996): NetBox wants a registry for each ASN."""


def cf(name: Cf) -> str:
    return f"{CUSTOM}{name}"


CF_KEY = cf(Cf.KEY)


def slug_of(name: str) -> str:
    """NetBox's own form: lower case, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:100] or "unnamed"


def site_link(site: str) -> Link:
    return Link(endpoint=Endpoint.SITE, key=site)


def role_link(slug: str) -> Link:
    return Link(endpoint=Endpoint.DEVICE_ROLE, key=slug)


def vrf_name(site: str) -> str:
    """Out-of-band networks of different sites may overlap, so each site's lie in a VRF of its own."""
    return f"{site}-out-of-band"


def location_link(site: str) -> Link:
    return Link(endpoint=Endpoint.LOCATION, key=f"{site}/main")


def rack_link(site: str, rack: str) -> Link:
    return Link(endpoint=Endpoint.RACK, key=f"{site}/{rack}")


def manufacturer_record(name: str) -> Record:
    slug = slug_of(name)
    return Record(endpoint=Endpoint.MANUFACTURER, key=slug, fields={"name": name, "slug": slug})


def device_type_link(maker: str, model: str) -> Link:
    return Link(endpoint=Endpoint.DEVICE_TYPE, key=f"{slug_of(maker)}/{slug_of(model)}")


def device_type_records(maker: str, model: str, height_u: int) -> tuple[Record, Record]:
    """The manufacturer and the type. Without interface templates: every port of ours carries its own MAC and plane, so a
    templated one would be written twice (docs/benchmarks.md)."""
    link = device_type_link(maker, model)
    return manufacturer_record(maker), Record(
        endpoint=Endpoint.DEVICE_TYPE,
        key=link.key,
        fields={
            "manufacturer": Link(endpoint=Endpoint.MANUFACTURER, key=slug_of(maker)),
            "model": model,
            "slug": slug_of(f"{maker}-{model}"),
            "u_height": height_u,
            "is_full_depth": height_u > 0,
        },
    )


def skeleton(declaration: SiteDeclaration) -> tuple[Record, ...]:
    """Region, site, location, racks, ASNs, and what the addresses come from."""
    site = declaration.name
    return (
        _region(declaration),
        _rir(),
        *_asns(declaration),
        _site(declaration),
        *_asn_range(declaration),
        _vrf(site),
        *_pools(declaration),
        Record(
            endpoint=Endpoint.LOCATION,
            key=f"{site}/main",
            fields={"name": "Main", "slug": "main", "site": site_link(site), CF_KEY: f"{site}/main"},
        ),
        *(_rack(site, rack) for rack in declaration.racks),
    )


def _region(declaration: SiteDeclaration) -> Record:
    region = declaration.region
    return Record(
        endpoint=Endpoint.REGION,
        key=region.name,
        fields={"name": region.title or region.name, "slug": region.name, CF_KEY: region.name},
    )


def _rir() -> Record:
    return Record(
        endpoint=Endpoint.RIR, key=PRIVATE_RIR, fields={"name": "Private use", "slug": PRIVATE_RIR, "is_private": True}
    )


def _rir_link() -> Link:
    return Link(endpoint=Endpoint.RIR, key=PRIVATE_RIR)


def _numbers(declaration: SiteDeclaration) -> tuple[int, ...]:
    return tuple(sorted({switch.asn for switch in declaration.switches if switch.asn is not None}))


def _asns(declaration: SiteDeclaration) -> tuple[Record, ...]:
    return tuple(
        Record(endpoint=Endpoint.ASN, key=str(asn), fields={"asn": asn, "rir": _rir_link(), CF_KEY: f"asn/{asn}"})
        for asn in _numbers(declaration)
    )


def _site(declaration: SiteDeclaration) -> Record:
    place = declaration.location
    return Record(
        endpoint=Endpoint.SITE,
        key=declaration.name,
        fields={
            "name": declaration.title or declaration.name,
            "slug": declaration.name,
            "status": "active",
            "region": Link(endpoint=Endpoint.REGION, key=declaration.region.name),
            "physical_address": place.address,
            # NetBox keeps six decimals: about ten centimetres.
            "latitude": round(place.latitude, 6),
            "longitude": round(place.longitude, 6),
            "asns": tuple(Link(endpoint=Endpoint.ASN, key=str(asn)) for asn in _numbers(declaration)),
            "tags": [TAG.slug],
            CF_KEY: declaration.name,
            cf(Cf.TIER): declaration.tier,
            cf(Cf.JURISDICTION): place.jurisdiction,
            cf(Cf.WAN): {"bandwidth_mbps": declaration.wan.bandwidth_mbps, "latency_ms": declaration.wan.latency_ms},
            cf(Cf.POWER_CAP_W): round(declaration.power_cap_w),
            cf(Cf.WORKER): declaration.worker,
        },
    )


def _asn_range(declaration: SiteDeclaration) -> tuple[Record, ...]:
    if declaration.underlay.asns is None:
        return ()
    first, _, last = declaration.underlay.asns.partition("-")
    name = f"{declaration.name}-underlay"
    return (
        Record(
            endpoint=Endpoint.ASN_RANGE,
            key=name,
            fields={
                "name": name,
                "slug": name,
                "rir": _rir_link(),
                "start": int(first),
                "end": int(last),
                CF_KEY: name,
                cf(Cf.POOL): PoolKind.FABRIC,
            },
        ),
    )


def _vrf(site: str) -> Record:
    name = vrf_name(site)
    return Record(endpoint=Endpoint.VRF, key=name, fields={"name": name, "enforce_unique": True, CF_KEY: name})


def vrf_link(site: str) -> Link:
    return Link(endpoint=Endpoint.VRF, key=vrf_name(site))


def _pools(declaration: SiteDeclaration) -> tuple[Record, ...]:
    site, underlay = declaration.name, declaration.underlay
    named = (
        (underlay.loopbacks, PoolKind.LOOPBACKS),
        (underlay.fabric, PoolKind.FABRIC),
        (underlay.storage, PoolKind.STORAGE),
        *((prefix, PoolKind.PUBLIC) for prefix in declaration.public_ranges),
    )
    pools = [_prefix(site, prefix, kind, None) for prefix, kind in named if prefix is not None]
    for value in declaration.out_of_band.ranges:
        if "-" in value:
            pools.append(_range(site, value))
        elif "/" in value:
            pools.append(_prefix(site, value, PoolKind.OUT_OF_BAND, vrf_link(site)))
    return tuple(pools)


def _prefix(site: str, prefix: str, kind: PoolKind, vrf: Link | None) -> Record:
    key = f"{vrf.key if vrf else 'global'}/{prefix}"
    fields: dict[str, Field] = {
        "prefix": prefix,
        "vrf": vrf,
        "scope": site_link(site),
        "status": "active",
        "is_pool": kind is PoolKind.PUBLIC,
        CF_KEY: f"{site}/{prefix}",
        cf(Cf.POOL): kind,
    }
    return Record(endpoint=Endpoint.PREFIX, key=key, fields=fields)


def _range(site: str, value: str) -> Record:
    low, _, high = value.partition("-")
    bits = ipaddress.ip_address(low).max_prefixlen
    return Record(
        endpoint=Endpoint.IP_RANGE,
        key=f"{vrf_name(site)}/{value}",
        fields={
            "start_address": f"{low}/{bits}",
            "end_address": f"{high}/{bits}",
            "vrf": vrf_link(site),
            "status": "active",
            CF_KEY: f"{site}/{value}",
            cf(Cf.POOL): PoolKind.OUT_OF_BAND,
        },
    )


def _rack(site: str, rack: RackDeclaration) -> Record:
    cap: Json = None if rack.power_cap_w is None else round(rack.power_cap_w)
    return Record(
        endpoint=Endpoint.RACK,
        key=f"{site}/{rack.name}",
        fields={
            "name": rack.name,
            "site": site_link(site),
            "location": location_link(site),
            "status": "active",
            "u_height": rack.height_u,
            "tags": [TAG.slug],
            CF_KEY: f"{site}/{rack.name}",
            cf(Cf.POWER_CAP_W): cap,
        },
    )


def with_mask(declaration: SiteDeclaration, address: str) -> str:
    """An out-of-band address with the length of the declared prefix it lies in; alone, where only ranges are declared."""
    ip = ipaddress.ip_address(address)
    for value in declaration.out_of_band.ranges:
        if "/" in value:
            network = ipaddress.ip_network(value)
            if ip.version == network.version and ip in network:
                return f"{address}/{network.prefixlen}"
    return f"{address}/{ip.max_prefixlen}"
