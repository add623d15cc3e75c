"""Whose an object in NetBox is. What carries the key of another site is that site's, and is never taken from it. Pure."""

from collections.abc import Sequence

from domain.finding import Severity
from domain.model import Model
from domain.plan import Flag
from domain.recording_site import CF_KEY
from domain.records import SHARED, Endpoint, ObservedRecord, Record

BELONGS_TO_ANOTHER = "belongs-to-another"

SERIAL_ELSEWHERE = "serial-elsewhere"
RENAMED = "renamed"

CRITICAL = frozenset({BELONGS_TO_ANOTHER, SERIAL_ELSEWHERE, RENAMED})
"""Kinds of flags for which an operation has not succeeded: what was declared is not recorded, and a person must decide."""

_KEY_IS_NAME = frozenset({Endpoint.SITE, Endpoint.ASN_RANGE, Endpoint.VRF, Endpoint.LOCATION, Endpoint.RACK})
"""Endpoints whose records carry their own key as ours: seen under one name and kept under another, they are another's,
also where nobody asks for them themselves but only for what hangs on them."""


class OfOthers(Model):
    """Objects that are found where ours should be and belong to another. `site`: the site itself is one of them."""

    objects: frozenset[str] = frozenset()
    site: bool = False
    flags: tuple[Flag, ...] = ()


def of_others(wanted: Sequence[Record], observed: Sequence[ObservedRecord]) -> OfOthers:
    """What of the observed is another site's. The catalogue that sites share is everybody's, and an object of this site
    that has another name now is still this site's."""
    records = {record.object: record for record in wanted}
    objects: set[str] = set()
    flags: list[Flag] = []
    for seen in observed:
        kept = seen.fields.get(CF_KEY)
        if seen.endpoint in SHARED or not isinstance(kept, str) or not kept:
            continue
        record = records.get(seen.object)
        ours = record.fields.get(CF_KEY) if record else seen.key if seen.endpoint in _KEY_IS_NAME else kept
        if not isinstance(ours, str) or ours == kept or _one_site(ours, kept):
            continue
        objects.add(seen.object)
        if record is not None:
            flags.append(_flag(record, seen, kept))
    site = any(name.startswith(f"{Endpoint.SITE}/") for name in objects)
    return OfOthers(objects=frozenset(objects), site=site, flags=tuple(flags))


def renamed_flag(record: Record, matches: Sequence[ObservedRecord]) -> Flag | None:
    """A device of ours that is declared under another name than we know it by. Its password is kept under that name, and so
    is its lock: it is refused as a whole, for half a rename would lose them."""
    if not matches:
        return None
    seen = matches[0]
    kept, ours = seen.fields.get(CF_KEY), record.fields.get(CF_KEY)
    if not isinstance(kept, str) or not isinstance(ours, str) or not kept or kept == ours:
        return None
    old, new = kept.rpartition("/")[2], ours.rpartition("/")[2]
    return Flag(
        object=record.object,
        kind=RENAMED,
        message=f"{new} has the serial {record.fields.get('serial')}, which is {old}'s (id {seen.id} in NetBox): a device "
        f"cannot be renamed, since its password is kept under its name. Nothing of it was changed: call it {old} in the "
        "declaration again.",
    )


def severity_of(flag: Flag) -> Severity:
    """How grave the finding is that a flag becomes."""
    return Severity.CRITICAL if flag.kind in CRITICAL else Severity.WARNING


def _one_site(ours: str, kept: str) -> bool:
    site, named, _ = ours.partition("/")
    return bool(named) and kept.startswith(f"{site}/")


def _flag(record: Record, seen: ObservedRecord, kept: str) -> Flag:
    owner = kept.partition("/")[0]
    if record.endpoint is Endpoint.SITE:
        do = (
            f"Nothing of this site is recorded. Give it another title than {owner} has; if it is {owner} under a new name, "
            "keep the old name."
        )
    else:
        do = (
            f"It is left as it is. Take it out of this site's declaration; or, if it is {owner}'s no more, take it out of "
            "that one and delete it in NetBox."
        )
    return Flag(
        object=record.object,
        kind=BELONGS_TO_ANOTHER,
        message=f"{record.object} (id {seen.id} in NetBox) belongs to {owner}: its ew_key is {kept}. {do}",
    )
