"""How many objects travel in one request: enough to save its cost, few enough that NetBox answers long before anybody worries."""

from collections import Counter
from collections.abc import Mapping, Sequence

from clients.netbox.mapping import Ids
from clients.netbox.session import Row
from domain.records import Endpoint, Link

BATCH = 50
"""Objects in one request. Larger ones are not quicker (docs/benchmarks.md) and hold NetBox's row locks for longer."""

PARTS = 100
"""Parts that one request's devices may bring: NetBox makes them of the type's templates, in some 70 ms each
(seen at a load of 5 on two cores). Fifty switches of 64 ports in one request would take it minutes, longer
than a heartbeat may be away."""

type Item = tuple[str, Row]


def batches_of(items: Sequence[Item], parts: Mapping[int, int]) -> list[list[Item]]:
    """The items in order. `parts`: how many come with a new device, by the number of its type; other rows make none. A device
    with more parts than a request should make goes alone."""
    batches: list[list[Item]] = []
    made = 0
    for item in items:
        makes = parts.get(item[1].get("device_type", 0), 0)
        if not batches or len(batches[-1]) >= BATCH or made + makes > PARTS:
            batches.append([])
            made = 0
        batches[-1].append(item)
        made += makes
    return batches


def parts_by_type(ids: Ids) -> Mapping[int, int]:
    """How many parts each device type's templates make."""
    counted = Counter[int]()
    for endpoint in (Endpoint.INTERFACE_TEMPLATE, Endpoint.MODULE_BAY_TEMPLATE):
        for number in ids.numbers(endpoint):
            kind = (ids.key(endpoint, number) or "").rpartition("/")[0]
            counted[ids.id(Link(endpoint=Endpoint.DEVICE_TYPE, key=kind))] += 1
    return counted
