"""Where onboarding must stop and say why, if what it stands on is broken: written by hand from design.md and the policies.

What is broken here is no device's: no server may be blamed for it, and none may be lost by it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite
from tests.faults import breaking

type Breaking = Callable[[Product, DeclaredSite], AbstractContextManager[None]]

FAILED, MUST = frozenset({"retry", "skip", "abandon"}), frozenset({"retry", "abandon"})
HELD = frozenset({"release", "abandon"})


@dataclass(frozen=True)
class Blocked:
    """`says`: parts of the reason, which tell what happened and what to do. `answer`: what the person chooses; what is broken is
    mended before a retry, and after a skip or abandon, when the site is onboarded once more. `slow`: the policy of its step gives up
    after a minute or more even in tests, so it is for a proof."""

    name: str
    breaks: Breaking
    step: str
    says: tuple[str, ...]
    choices: frozenset[str] = MUST
    answer: str = "retry"
    kind: str = "blocked"
    left: str = ""
    """The kind of the outcome where the person did not let it finish."""
    then: tuple[str, ...] = ()
    """The steps that wait for the same reason after it was skipped; they are skipped as well."""
    slow: bool = False

    @property
    def touches(self) -> int:
        """Answers that the audit trail counts; after skips the ended operation is retried. A release is the hold's, not its."""
        return {"release": 0, "skip": 2 + len(self.then)}.get(self.answer, 1)


NO_NETWORK = ("Nothing answers at any of the", "Check that the worker of queue devices can reach it")
NO_TOKEN = ("NetBox does not allow status/: Invalid v1 token", "Check the token and its permissions")
IN_SECRETS = ("The secret store in", "Check that disk")

BLOCKED = (
    Blocked("out-of-band network away", breaking.network_away, "reach", NO_NETWORK),
    Blocked(
        "out-of-band network away, abandoned",
        breaking.network_away,
        "reach",
        NO_NETWORK,
        answer="abandon",
        left="abandoned",
    ),
    Blocked("NetBox refuses the token", breaking.token_refused, "frame", NO_TOKEN),
    Blocked("NetBox refuses the token at the rack", breaking.token_refused_later, "servers", NO_TOKEN, FAILED),
    Blocked(
        "NetBox refuses the token at the rack, skipped",
        breaking.token_refused_later,
        "servers",
        NO_TOKEN,
        FAILED,
        answer="skip",
        left="servers-left",
        then=("cables",),
    ),
    Blocked(
        "NetBox in trouble", breaking.netbox_in_trouble, "frame", ("NetBox answered 503", "See NetBox's log"), slow=True
    ),
    Blocked(
        "NetBox away",
        breaking.netbox_away,
        "frame",
        ("NetBox at http", "does not answer", "Check that NetBox runs and can be reached"),
        slow=True,
    ),
    Blocked(
        "secret store read-only",
        breaking.secrets_read_only,
        "switches",
        (*IN_SECRETS, "Read-only file system"),
        slow=True,
    ),
    Blocked(
        "secret store full", breaking.secrets_full, "switches", (*IN_SECRETS, "No space left on device"), slow=True
    ),
    Blocked(
        "a hold on the site",
        breaking.held,
        "accounts",
        ("visitors in hall 2",),
        HELD,
        answer="release",
        kind="hold",
    ),
)
