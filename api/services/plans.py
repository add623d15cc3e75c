"""Plans by their hash, whole, for whoever is to approve one."""

from datetime import datetime

from api.context import Services
from api.problems import not_found
from api.services.access import see
from api.threads import in_thread
from domain.access import Principal
from domain.declaration import StoredPlan
from domain.model import Model
from domain.paging import Page, PageRequest
from domain.plan import Change, Deferred, Flag


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


async def page(services: Services, principal: Principal, request: PageRequest) -> Page[PlanLine]:
    found = await in_thread(services.plans.list, principal.place, request)
    return Page[PlanLine](items=tuple(PlanLine.model_validate(_line(plan)) for plan in found.items), next=found.next)


async def get(services: Services, principal: Principal, plan_hash: str) -> PlanView:
    found = await in_thread(services.plans.find, plan_hash)
    detail = f"No plan has the hash {plan_hash}."
    if found is None:
        raise not_found("plan-unknown", detail, "Plan again: edgewright plan -f FILE")
    see(principal, found, found.place, "plan-unknown", detail)
    body = {name: getattr(found.plan, name) for name in ("declaration_digest", "changes", "deferred", "flags")}
    return PlanView.model_validate(_line(found) | body)


def _line(found: StoredPlan) -> dict[str, object]:
    plan = found.plan
    return {
        "hash": found.hash, "kind": plan.kind, "target": plan.target, "author": found.author, "approver": found.approver,
        "created_at": found.created_at, "expires_at": found.expires_at, "disruptive": plan.disruptive,
        "change_count": len(plan.changes),
    }  # fmt: skip
