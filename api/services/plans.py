"""Plans by their hash, whole, for whoever is to approve one."""

from datetime import datetime

from api.context import Services
from api.problems import not_found
from api.threads import in_thread
from domain.access import Principal
from domain.declaration import StoredPlan
from domain.model import Model
from domain.paging import Page, PageRequest
from domain.plan import SHOWN_HASH, Change, Deferred, Flag


class PlanLine(Model):
    """A plan in a list."""

    hash: str
    kind: str
    target: str
    author: str
    approver: str = ""
    created_at: datetime
    expires_at: datetime
    disruptive: bool
    change_count: int


class PlanView(PlanLine):
    declaration_digest: str
    changes: tuple[Change, ...]
    deferred: tuple[Deferred, ...]
    flags: tuple[Flag, ...]
    notes: tuple[str, ...]


async def page(services: Services, principal: Principal, request: PageRequest) -> Page[PlanLine]:
    found = await in_thread(services.plans.list, principal.place, request)
    return Page[PlanLine](items=tuple(PlanLine.model_validate(_line(plan)) for plan in found.items), next=found.next)


async def get(services: Services, principal: Principal, plan_hash: str) -> PlanView:
    """By its hash, or by the beginning of it that people are shown; one that fits several plans is none."""
    detail = f"No plan has the hash {plan_hash}."
    if len(plan_hash) < SHOWN_HASH:
        raise not_found("plan-unknown", detail, f"Give at least its first {SHOWN_HASH} characters.")
    likely = await in_thread(services.plans.starting_with, plan_hash)
    mine = [plan for plan in likely if principal.place.covers(plan.place)]
    if len(mine) != 1:
        raise not_found("plan-unknown", detail, "See: edgewright get plans; or plan again: edgewright plan -f FILE")
    found = mine[0]
    body = {name: getattr(found.plan, name) for name in ("declaration_digest", "changes", "deferred", "flags", "notes")}
    return PlanView.model_validate(_line(found) | body)


def _line(found: StoredPlan) -> dict[str, object]:
    plan = found.plan
    return {
        "hash": found.hash, "kind": plan.kind, "target": plan.target, "author": found.author, "approver": found.approver,
        "created_at": found.created_at, "expires_at": found.expires_at, "disruptive": plan.disruptive,
        "change_count": len(plan.changes),
    }  # fmt: skip
