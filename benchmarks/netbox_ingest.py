"""How fast NetBox takes what we record, in bulk and one by one: `python -m benchmarks.netbox_ingest --quick`.

The same objects (servers with their parts, ports, addresses and cables) are recorded as the product does it, in batches of
several sizes, and as a simple client would, with one request for each object. Both take turns, on the same NetBox, within one run;
the site and its switches are there before, and the servers' types too.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import Options, Table, benchmark, spread
from benchmarks.system import System, out, own_system, used_between
from clients.netbox import NetBoxInventory, NetBoxSession, batching
from clients.netbox.session import Row
from domain.inventory import Scope
from domain.plan import Change
from domain.reconcile import reconcile
from domain.recording import records, site_records
from domain.records import Record
from lab.embedded.netbox import url
from lab.embedded.secret_files import SecretFiles
from tests.domain.recording_samples import declaration, facts, server_class

SERVERS = 16
ONE_BY_ONE = 1
BATCHES = (ONE_BY_ONE, 10, batching.BATCH, 200)
CLASSES = {"mgx-h100": server_class()}


class TimedSession(NetBoxSession):
    """Adds up how long NetBox took for each list of objects."""

    took: defaultdict[str, float]
    sent: Counter[str]

    def start_counting(self) -> None:
        self.took, self.sent = defaultdict(float), Counter()

    def create(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        return self._timed(path, payloads, super().create)

    def update(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        return self._timed(
            f"{path} (filled in)", payloads, lambda _, rows: super(TimedSession, self).update(path, rows)
        )

    def _timed(self, name: str, payloads: Sequence[Row], send: "Send") -> list[Row]:
        began = time.perf_counter()
        try:
            return send(name, payloads)
        finally:
            self.took[name] += time.perf_counter() - began
            self.sent[name] += len(payloads)


type Send = Callable[[str, Sequence[Row]], list[Row]]


class OneByOne(TimedSession):
    """What a simple client does: one object, one request, one after the other, each answered in full."""

    _one_at_a_time = threading.Lock()

    def create(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        return self._timed(path, payloads, self._each)

    def update(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        def each(_: str, rows: Sequence[Row]) -> list[Row]:
            with self._one_at_a_time:
                return [self._send("PATCH", f"{path}/{row['id']}/", json=row).json() for row in rows]

        return self._timed(f"{path} (filled in)", payloads, each)

    def _each(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        with self._one_at_a_time:
            return [self.create_one(path, payload) for payload in payloads]


@dataclass
class Way:
    """One way to record, and what it took each time."""

    batch: int
    took_s: list[float] = field(default_factory=list[float])
    objects: list[int] = field(default_factory=list[int])
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    by_path: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])

    @property
    def title(self) -> str:
        return "one by one" if self.batch == ONE_BY_ONE else f"{self.batch} in a request"

    @property
    def rates(self) -> list[float]:
        return [count / took for count, took in zip(self.objects, self.took_s, strict=True)]


def main() -> None:
    benchmark("netbox_ingest", __doc__ or "", measure, runs=3)


def measure(options: Options) -> list[Table]:
    servers = 2 if options.quick else SERVERS
    ways = [Way(batch) for batch in ((ONE_BY_ONE, batching.BATCH) if options.quick else BATCHES)]
    with own_system(("netbox",)) as system:
        NetBoxInventory(_session(system, NetBoxSession)).bootstrap()
        _record(system, Way(batching.BATCH), 1, 200)  # the catalogue, and NetBox's own first times
        for run in range(options.runs):
            for at, way in enumerate(ways):
                _record(system, way, servers, 1 + run * len(ways) + at)
    return [_rates(ways, servers), _by_path(ways, servers)]


def _record(system: System, way: Way, servers: int, number: int) -> None:
    site = declaration(f"bench-{number}", servers, number=number, region="bench")
    seen = facts(site, number=number)
    label = f"op-bench-{number}"
    NetBoxInventory(_session(system, NetBoxSession)).apply(*_changes(system, site_records(site, CLASSES, seen)), label)
    scope, changes = _changes(system, records(site, CLASSES, seen))
    session = _session(system, OneByOne if way.batch == ONE_BY_ONE else TimedSession)
    session.start_counting()
    if way.batch != ONE_BY_ONE:
        batching.BATCH = way.batch  # the one thing that differs between the ways
    before, began = system.cpu_seconds(), time.perf_counter()
    applied = NetBoxInventory(session).apply(scope, changes, label)
    took = time.perf_counter() - began
    if applied.refused or len(applied.done) != len(changes):
        raise RuntimeError(f"NetBox refused: {applied.refused[:3]}")
    way.took_s.append(took)
    way.objects.append(len(changes))
    way.cpu = used_between(before, system.cpu_seconds())
    way.by_path = {path: (session.sent[path], took_s) for path, took_s in session.took.items()}
    out.print(f"{way.title}: {len(changes)} objects of {servers} servers in {took:.1f} s")


def _changes(system: System, wanted: tuple[Record, ...]) -> tuple[Scope, tuple[Change, ...]]:
    scope = Scope.of("bench", wanted).model_copy(update={"site": _site_of(wanted)})
    return scope, reconcile(wanted, NetBoxInventory(_session(system, NetBoxSession)).observe(scope)).changes


def _site_of(wanted: tuple[Record, ...]) -> str:
    return next(record.key for record in wanted if record.endpoint == "dcim.sites")


def _session[S: NetBoxSession](system: System, kind: type[S]) -> S:
    token = SecretFiles(system.home.secrets).netbox_token_file.read_text().strip()
    return kind(url(system.stack.ports), token)


def _rates(ways: list[Way], servers: int) -> Table:
    alone = next(way for way in ways if way.batch == ONE_BY_ONE)
    rows = [
        (
            way.title,
            way.objects[-1],
            spread(way.took_s),
            spread(way.rates),
            spread([other / mine for other, mine in zip(alone.took_s, way.took_s, strict=True)]),
            *(f"{1000 * way.cpu.get(name, 0) / way.objects[-1]:.0f}" for name in ("netbox", "postgres")),
        )
        for way in ways
    ]
    columns = (
        "recorded",
        "objects",
        "seconds",
        "objects per second",
        "times as fast as one by one",
        "CPU ms of NetBox per object",
        "of Postgres",
    )
    return Table(f"{servers} servers recorded in NetBox", columns, tuple(rows))


def _by_path(ways: list[Way], servers: int) -> Table:
    """Where NetBox's time goes: seconds per object and kind; batches under way at once each count in full."""
    paths = sorted({path for way in ways for path in way.by_path})
    rows = [
        (path, ways[-1].by_path.get(path, (0, 0.0))[0], *(_per_object(way.by_path.get(path)) for way in ways))
        for path in paths
    ]
    columns = ("objects", "count", *(f"{way.title}, ms" for way in ways))
    return Table(f"Time per object and kind (the last run, {servers} servers)", columns, tuple(rows))


def _per_object(told: tuple[int, float] | None) -> str:
    return f"{1000 * told[1] / told[0]:.0f}" if told and told[0] else "-"


if __name__ == "__main__":
    main()
