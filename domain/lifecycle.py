"""The life of a server between operations: its states, which state may follow which, and what NetBox shows for each.

State and holder are fields of the NetBox device. Only the operation that holds the server moves it.
"""

from enum import StrEnum

from domain.errors import Rejected


class Lifecycle(StrEnum):
    DISCOVERED = "discovered"
    VERIFIED = "verified"
    ACCEPTING = "accepting"
    SANITIZING = "sanitizing"
    AVAILABLE = "available"
    ALLOCATED = "allocated"
    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DRAINING = "draining"
    QUARANTINED = "quarantined"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


class MoveNotAllowed(Rejected):
    """The lifecycle has no such step."""

    kind = "lifecycle-move-not-allowed"


_NEXT: dict[Lifecycle, frozenset[Lifecycle]] = {
    Lifecycle.DISCOVERED: frozenset({Lifecycle.VERIFIED}),
    # `available` straight from `verified` is the attested `factory_new`; acceptance otherwise.
    Lifecycle.VERIFIED: frozenset({Lifecycle.ACCEPTING, Lifecycle.SANITIZING, Lifecycle.AVAILABLE}),
    Lifecycle.ACCEPTING: frozenset({Lifecycle.SANITIZING}),
    Lifecycle.SANITIZING: frozenset({Lifecycle.AVAILABLE}),
    # Back to `verified`: what is in it now is no longer what its evidence is about.
    Lifecycle.AVAILABLE: frozenset(
        {Lifecycle.ALLOCATED, Lifecycle.ACCEPTING, Lifecycle.SANITIZING, Lifecycle.VERIFIED}
    ),
    Lifecycle.ALLOCATED: frozenset({Lifecycle.PROVISIONING, Lifecycle.DRAINING}),
    Lifecycle.PROVISIONING: frozenset({Lifecycle.PROVISIONED, Lifecycle.DRAINING}),
    Lifecycle.PROVISIONED: frozenset({Lifecycle.PROVISIONING, Lifecycle.DRAINING}),
    Lifecycle.DRAINING: frozenset({Lifecycle.SANITIZING}),
    # A person repaired it, or a retry found it in order: it proves itself again from the start.
    Lifecycle.QUARANTINED: frozenset({Lifecycle.VERIFIED, Lifecycle.ACCEPTING, Lifecycle.SANITIZING}),
    Lifecycle.MAINTENANCE: frozenset({Lifecycle.VERIFIED, Lifecycle.ACCEPTING, Lifecycle.SANITIZING}),
    Lifecycle.RETIRED: frozenset(),
}

_FROM_ANYWHERE = frozenset({Lifecycle.QUARANTINED, Lifecycle.MAINTENANCE, Lifecycle.RETIRED})

NETBOX_STATUS: dict[Lifecycle, str] = {
    Lifecycle.DISCOVERED: "staged",
    Lifecycle.VERIFIED: "staged",
    Lifecycle.ACCEPTING: "staged",
    Lifecycle.SANITIZING: "staged",
    Lifecycle.AVAILABLE: "active",
    Lifecycle.ALLOCATED: "active",
    Lifecycle.PROVISIONING: "active",
    Lifecycle.PROVISIONED: "active",
    Lifecycle.DRAINING: "active",
    Lifecycle.QUARANTINED: "failed",
    Lifecycle.MAINTENANCE: "offline",
    Lifecycle.RETIRED: "decommissioning",
}
"""What NetBox's own `status` says, for people and tools that know nothing of our lifecycle."""


def may_follow(state: Lifecycle, to: Lifecycle) -> bool:
    """Whether a server in `state` may be moved to `to`. Staying is always allowed; nothing leaves `retired`."""
    if state is to:
        return True
    return state is not Lifecycle.RETIRED and (to in _FROM_ANYWHERE or to in _NEXT[state])


def check_move(server: str, state: Lifecycle, to: Lifecycle) -> None:
    """Raises `MoveNotAllowed`, naming the states that could follow."""
    if may_follow(state, to):
        return
    allowed = sorted(s for s in Lifecycle if s is not state and may_follow(state, s))
    raise MoveNotAllowed(
        f"{server} is {state} and cannot become {to}.",
        do=f"From {state} it may become: {', '.join(allowed)}." if allowed else f"Nothing follows {state}.",
    )
