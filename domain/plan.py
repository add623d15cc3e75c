"""Plans: what an operation would change, in order, and a hash that an apply can name.

A plan is data made by a pure function from a declaration and an observation. Its hash covers what will happen and nothing
that merely describes the moment: no times, no telemetry, no ids from pools (those are stand-ins such as "next free ASN").
"""

import hashlib
from enum import StrEnum

import rfc8785

from domain.model import Json, Model

SCHEMA_VERSION = 1
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
        """SHA-256 over canonical JSON (RFC 8785) of kind, target, declaration digest, schema version, changes and deferred stages."""
        body = self.model_dump(
            mode="json", include={"kind", "target", "declaration_digest", "schema_version", "changes", "deferred"}
        )
        return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


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

    def words(change: Change | None) -> str:
        return "no change" if change is None else f"{change.action} {change.after!r}"

    keys = sorted(set(old) | set(new))
    return tuple(
        Difference(object=key[1], was=words(old.get(key)), now=words(new.get(key)))
        for key in keys
        if old.get(key) != new.get(key)
    )
