"""What starts an operation, what it tells while it runs, and what a person may answer. One shape for every capability."""

from domain.model import Model, Name
from domain.operation import Choice, Step, StepState, Waiting

CONTROL_QUEUE = "control"
"""Workflows, and activities on NetBox, our store, NVCF and DNS."""

DEVICES_QUEUE = "devices"
"""Activities on everything that stands at a site."""


def devices_queue(site: str, worker: str) -> str:
    """The queue that reaches a site's devices: the shared one, or the site's own where its worker dials out."""
    return f"edge-{site}" if worker == "site" else DEVICES_QUEUE


def fabric_lock(site: str) -> str:
    """The workflow id that is the lock of a site as a whole: onboarding, underlay, upgrade."""
    return f"site/{site}/fabric"


def server_lock(site: str, server: str) -> str:
    """The workflow id that is the lock of one server."""
    return f"site/{site}/server/{server}"


class DeclarationRef(Model):
    """One version of a declaration."""

    kind: str
    name: str
    version: int
    digest: str


class Order(Model):
    """The input of every operation's workflow: whose row it is, what it is about, and the plan it may carry out."""

    operation_id: str
    kind: str
    target: str
    region: str = ""
    site: str = ""
    declaration: DeclarationRef | None = None
    plan_hash: str | None = None
    retry_of: str | None = None
    who: str = ""
    """Who asked for it: the author of the plan that it makes."""
    devices_queue: str = DEVICES_QUEUE


class ServerStanding(Model):
    """How far one server of an operation is."""

    server: Name
    rack: Name
    step: str
    state: StepState
    reasons: tuple[str, ...] = ()


class Progress(Model):
    """The answer of every operation's query `progress`."""

    operation_id: str
    steps: tuple[Step, ...]
    waiting: tuple[Waiting, ...] = ()
    servers: tuple[ServerStanding, ...] = ()


class Decision(Model):
    """A person's answer, carried by the updates `approve`, `retry`, `skip` and `abandon`."""

    operation_id: str
    by: str
    why: str = ""
    step: str = ""
    """The step it answers; an answer to a step that no longer waits is refused. Empty: whatever waits now."""


class Decided(Model):
    step: str
    choice: Choice


class Released(Model):
    """The signal `hold_released`: a hold that may have stopped this operation is gone."""

    hold: str
    by: str
