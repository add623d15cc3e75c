"""Plans: what an operation would change, in order, and a hash that an apply can name.

A plan is data made by a pure function from a declaration and an observation. Its hash covers what will happen and nothing
that merely describes the moment: no times, no telemetry, no ids from pools (those are stand-ins such as "next free ASN"), and not
the words in which it says why.
"""

import hashlib
from enum import StrEnum

import rfc8785

from domain.model import Json, Model
from domain.netbox_schema import Cf
from domain.records import CUSTOM

SCHEMA_VERSION = 2
SHOWN_HASH = 12
"""So many characters of a hash are shown to people, and are enough to find its plan by."""


def shown_hash(plan_hash: str) -> str:
    return plan_hash[:SHOWN_HASH]


class System(StrEnum):
    """Where a change happens."""

    NETBOX = "netbox"
    BMC = "bmc"
    SWITCH = "switch"
    EDGEWRIGHT = "edgewright"


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    DELETE = "delete"
    FLAG = "flag"


class Change(Model):
    """One thing that will be different afterwards. `object` is unique within system and plan, such as `dcim.devices/oslo-1/r1-s01`."""

    system: System
    object: str
    action: Action
    before: Json = None
    after: Json = None
    disruptive: bool = False
    why: str = ""


class Deferred(Model):
    """A stage that can only be planned when its inputs exist, with the bounds inside which it may go on by itself."""

    stage: str
    object: str
    needs: str
    may: tuple[str, ...]
    at_most: int


class Flag(Model):
    """Something the plan shows and does not change: it becomes a finding when the plan is applied."""

    object: str
    kind: str
    message: str


class Plan(Model):
    kind: str
    target: str
    declaration_digest: str
    changes: tuple[Change, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    flags: tuple[Flag, ...] = ()
    classes: dict[str, str] = {}
    """The digests of the server classes that servers are judged by: a class that was changed since makes another plan."""
    notes: tuple[str, ...] = ()
    """What a reader should know of what it leaves as it is, such as which systems nobody observes. Not in the hash."""
    schema_version: int = SCHEMA_VERSION

    @property
    def empty(self) -> bool:
        return not self.changes and not self.deferred

    @property
    def disruptive(self) -> bool:
        return any(change.disruptive for change in self.changes)

    @property
    def hash(self) -> str:
        """SHA-256 over canonical JSON (RFC 8785) of kind, target, digests of declaration and classes, schema version, changes
        and deferred stages."""
        bound = {"kind", "target", "declaration_digest", "classes", "schema_version", "deferred"}
        body = self.model_dump(mode="json", include=bound) | {"changes": [_bound(change) for change in self.changes]}
        return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


TELLING = frozenset({f"{CUSTOM}{Cf.QUARANTINE_REASONS}"})
"""Fields that say why. Their words may hold what was read at the moment, so no hash covers them."""


def _bound(change: Change) -> dict[str, Json]:
    """What a hash covers of a change."""
    body = change.model_dump(mode="json", exclude={"why"})
    return body | {side: _without_telling(body[side]) for side in ("before", "after")}


def _without_telling(side: Json) -> Json:
    return {name: value for name, value in side.items() if name not in TELLING} if isinstance(side, dict) else side


class PlanSummary(Model):
    """A plan without its changes, as it travels between workflow and activities; the whole plan lies in the plan store by hash."""

    hash: str
    creates: int = 0
    updates: int = 0
    adopts: int = 0
    deletes: int = 0
    flags: int = 0
    deferred: int = 0
    disruptive: bool = False

    @staticmethod
    def of(plan: Plan) -> "PlanSummary":
        count = {action: sum(1 for change in plan.changes if change.action is action) for action in Action}
        return PlanSummary(
            hash=plan.hash,
            creates=count[Action.CREATE],
            updates=count[Action.UPDATE],
            adopts=count[Action.ADOPT],
            deletes=count[Action.DELETE],
            flags=len(plan.flags),
            deferred=len(plan.deferred),
            disruptive=plan.disruptive,
        )


class Difference(Model):
    """One way in which a new plan is not the approved one."""

    object: str
    was: str
    now: str


def differences(approved: Plan, current: Plan) -> tuple[Difference, ...]:
    """What an operator reads when a plan is stale: each change that came, went or became another."""
    old = {(c.system, c.object): c for c in approved.changes}
    new = {(c.system, c.object): c for c in current.changes}
    changed = [
        Difference(object=key[1], was=_words(old.get(key), new.get(key)), now=_words(new.get(key), old.get(key)))
        for key in sorted(set(old) | set(new))
        if _bound_or_none(old.get(key)) != _bound_or_none(new.get(key))
    ]
    classes = [
        Difference(object=f"server class {name}", was=was or "not used", now=now or "not used")
        for name in sorted({*approved.classes, *current.classes})
        if (was := shown_hash(approved.classes.get(name, ""))) != (now := shown_hash(current.classes.get(name, "")))
    ]
    stages = [
        Difference(object=stage.object, was=stage.stage if stage in approved.deferred else "not deferred so",
                   now=stage.stage if stage in current.deferred else "not deferred so")
        for stage in dict.fromkeys((*approved.deferred, *current.deferred))
        if (stage in approved.deferred) != (stage in current.deferred)
    ]  # fmt: skip
    return (*changed, *classes, *stages)


def _bound_or_none(change: Change | None) -> dict[str, Json] | None:
    return None if change is None else _bound(change)


def _words(change: Change | None, other: Change | None) -> str:
    """Only what differs from the other one."""
    if change is None:
        return "no change"
    if other is None or change.action is not other.action:
        return f"{change.action} {change.after!r}"
    parts = [f"from {change.before!r}"] if change.before != other.before else []
    parts += [f"to {change.after!r}"] if change.after != other.after else []
    parts += [f"disruptive {change.disruptive}".lower()] if change.disruptive != other.disruptive else []
    return f"{change.action} {' '.join(parts)}"
