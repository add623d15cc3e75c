"""Values from NetBox's race-free pools (`available-*`), each marked with the key of the claim that holds it in one call."""

from collections.abc import Mapping

from clients.netbox.session import NetBoxSession, Row
from domain.inventory import Allocated, Allocation, AmbiguousName, InventoryRefused
from domain.netbox_schema import Cf

_PATHS: Mapping[str, tuple[str, str, str]] = {
    # kind: where values are taken from, where they lie afterwards, and which field is the value
    "address": ("ipam/prefixes/{id}/available-ips", "ipam/ip-addresses", "address"),
    "range-address": ("ipam/ip-ranges/{id}/available-ips", "ipam/ip-addresses", "address"),
    "prefix": ("ipam/prefixes/{id}/available-prefixes", "ipam/prefixes", "prefix"),
    "asn": ("ipam/asn-ranges/{id}/available-asns", "ipam/asns", "asn"),
    "vlan": ("ipam/vlan-groups/{id}/available-vlans", "ipam/vlans", "vid"),
}


class NetBoxPools:
    """`domain.inventory.AddressPools` on NetBox."""

    def __init__(self, session: NetBoxSession) -> None:
        self._session = session

    def allocate(self, request: Allocation) -> Allocated:
        """Looks for the claim first: a call whose answer was lost has left its value there, under the claim's key."""
        kind = request.source.kind
        take, _, _ = _paths(kind)
        held = self._holding(kind, request.claim)
        if len(held) > 1:
            values = ", ".join(one.value for one in held)
            raise AmbiguousName(
                f"The claim {request.claim} holds {len(held)} values in NetBox: {values}.",
                do="Give back all but the one in use; the balance check lists them.",
            )
        if held:
            return held[0]
        # Addresses and prefixes have no name in NetBox; numbers and VLANs do, and a VLAN must have one.
        body: Row = {"custom_fields": {Cf.KEY: request.claim}}
        if request.description:  # NetBox 4.7's ASN pool refuses an empty one
            body["description"] = request.description
        if request.prefix_length is not None:
            body["prefix_length"] = request.prefix_length
        if kind == "vlan":
            body["name"] = request.name or request.claim[:64]
        row = self._session.create_one(take.format(id=request.source.parent_id), body)
        return _allocated(kind, row, request.claim, taken_now=True)

    def release(self, kind: str, claim: str) -> int:
        held = self._holding(kind, claim)
        if held:
            self._session.delete(_paths(kind)[1], [one.id for one in held])
        return len(held)

    def held(self, kind: str, prefix: str = "") -> tuple[Allocated, ...]:
        """Values under any claim's key that starts so; also what records hold, whose keys are no claims'."""
        _, lies, value = _paths(kind)
        params = {f"cf_{Cf.KEY}__isw": prefix} if prefix else {f"cf_{Cf.KEY}__empty": "false"}
        rows = self._session.rows(lies, params, fields=("id", value, "custom_fields"))
        return tuple(_allocated(kind, row, str(row["custom_fields"][Cf.KEY]), taken_now=False) for row in rows)

    def _holding(self, kind: str, claim: str) -> tuple[Allocated, ...]:
        _, lies, value = _paths(kind)
        rows = self._session.rows(lies, {f"cf_{Cf.KEY}": claim}, fields=("id", value, "custom_fields"))
        return tuple(_allocated(kind, row, claim, taken_now=False) for row in rows)


def _paths(kind: str) -> tuple[str, str, str]:
    found = _PATHS.get(kind)
    if found is None:
        raise InventoryRefused(f"NetBox has no pool of kind {kind}.", do=f"Use one of {', '.join(_PATHS)}.")
    return found


def _allocated(kind: str, row: Row, claim: str, *, taken_now: bool) -> Allocated:
    return Allocated(claim=claim, id=row["id"], value=str(row[_paths(kind)[2]]), taken_now=taken_now)
