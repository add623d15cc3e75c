"""Opening, listing and showing operations; what routes and console both call."""

from http import HTTPStatus
from urllib.parse import quote

from api.context import Services, now
from api.problems import Refusal, invalid, not_found
from api.services import declarations
from api.services.access import allow, see
from api.services.decisions import DecisionTaken, answer
from api.services.starting import LockTaken, Start, Started, order_of, start, start_again, workflow_id_of
from api.services.why import progress_of
from api.threads import in_thread
from domain.access import AuditEvent, Principal, Role
from domain.errors import Conflict
from domain.model import Model
from domain.operation import (
    Choice,
    IdempotencyKey,
    Operation,
    OperationDraft,
    OperationFilter,
    OperationState,
    OperationUnknown,
    Outcome,
)
from domain.order import ServerStanding, devices_queue
from domain.paging import Page, PageRequest
from domain.plan import shown_hash
from domain.site_contradictions import contradictions
from domain.system_drivers import system_problems

PLAN, APPLY, AUDIT = "site-plan", "site-onboarding", "site-audit"


class NotRetriable(Conflict):
    """Only what ended with something left to do can be retried as a new operation."""

    kind = "not-retriable"


class Superseded(Conflict):
    """A newer operation has taken up what an ended one left undone: retrying the old one would undo or double its work."""

    kind = "superseded"


class Links(Model):
    self: str
    events: str
    temporal: str = ""
    netbox: str = ""
    console: str = ""


class OperationView(Operation):
    """An operation as the API shows it: the row, where to look further, and each server if a worker told in time."""

    title: str = ""
    links: Links
    servers: tuple[ServerStanding, ...] = ()


class PlanRefused(Refusal):
    """412: what the API can see at once is not what the plan was made for."""

    def __init__(self, kind: str, detail: str) -> None:
        do = "Plan again, read the new plan, and apply that: edgewright apply -f FILE"
        super().__init__(HTTPStatus.PRECONDITION_FAILED, kind, detail, do=do)


async def request_site_operation(
    services: Services,
    principal: Principal,
    kind: str,
    site: str,
    key: IdempotencyKey,
    *,
    plan_hash: str = "",
    on_behalf_of: str = "",
) -> Operation:
    """Opens an operation on a site's newest declaration and starts it. The same key is the same operation."""
    draft = await _draft_of_site(services, principal, kind, site)
    if plan_hash:
        await _check_plan(services, kind, site, plan_hash, draft.declaration_digest, principal.name)
    draft = draft.model_copy(update={"plan_hash": plan_hash, "on_behalf_of": on_behalf_of})
    return await open_and_start(services, principal, draft, key)


async def _draft_of_site(services: Services, principal: Principal, kind: str, site: str) -> OperationDraft:
    """An operation on what the site's newest declaration says."""
    if kind not in services.kinds:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "operation-kind-unknown",
            f"This build of Edgewright has no operation {kind}.",
            do=f"It has: {', '.join(sorted(services.kinds))}.",
        )
    head = await declarations.site_of(services, principal, site)
    place = declarations.place_of(head.site)
    allow(principal, Role.OPERATOR, place)
    if kind in (PLAN, APPLY) and (problems := (*contradictions(head.site.parts), *system_problems(head.site))):
        # Declared to an older build, which let them pass.
        raise invalid(problems, f"The declaration of {site} cannot be carried out as it is: correct it first.")
    return OperationDraft(
        kind=kind,
        target=site,
        place=place,
        who=principal.name,
        declaration_kind=head.kind,
        declaration_name=head.name,
        declaration_version=head.version,
        declaration_digest=head.digest,
        inputs={"devices_queue": devices_queue(site, head.site.worker)},
    )


async def newest_like(services: Services, operation: Operation) -> Operation:
    """The newest operation of this kind on this target, which says how things stand now; perhaps this one itself."""
    alike = OperationFilter(kind=operation.kind, target=operation.target)
    found = await in_thread(services.operations.list, alike, operation.place, PageRequest(limit=1))
    return found.items[0] if found.items else operation


async def retry_ended(
    services: Services, principal: Principal, ended: Operation, key: IdempotencyKey, why: str
) -> Operation:
    """A new operation for what an ended one left undone. It plans again: only what is left is in its plan.

    It works by the site's newest declaration, because people correct that before they retry. Raises `Superseded` if a newer
    operation has taken the matter up.
    """
    if ended.state not in (OperationState.PARTIAL, OperationState.FAILED):
        raise NotRetriable(
            f"{ended.id} ended as {ended.state}: nothing of it is left to retry.",
            do="Apply the declaration again if something else should happen.",
        )
    if ended.declaration_kind == declarations.SITE:
        draft = await _draft_of_site(services, principal, ended.kind, ended.declaration_name)
    else:
        draft = OperationDraft.model_validate(ended.model_dump(include=set(OperationDraft.model_fields)))
    changes = {
        "who": principal.name,
        "on_behalf_of": ended.on_behalf_of,
        "plan_hash": "",
        "retry_of": ended.id,
        "workflow_id": "",
    }
    return await open_and_start(services, principal, draft.model_copy(update=changes), key, why)


async def _newer(services: Services, retried: str, retry: Operation) -> Operation | None:
    """The newest operation, other than this retry, that was begun on the same thing after the one that is retried."""
    alike, cursor = OperationFilter(kind=retry.kind, target=retry.target), ""
    while True:
        page = await in_thread(services.operations.list, alike, retry.place, PageRequest(cursor=cursor))
        for row in page.items:
            if row.id == retried:
                return None
            if row.id != retry.id and row.state is not OperationState.REFUSED:
                return row
        if not page.next:
            return None
        cursor = page.next


async def _refuse_superseded(services: Services, retry: Operation) -> None:
    """Looked at with the row written, so that the same key is the same answer; the row then ends as one that a lock refuses."""
    newer = await _newer(services, retry.retry_of, retry)
    if newer is None:
        return
    reason = f"{retry.retry_of} is superseded: {newer.id} was begun on {retry.target} after it and is {newer.state}."
    if newer.state in (OperationState.PARTIAL, OperationState.FAILED):
        do = f'Retry that one: edgewright retry {newer.id} --why "…"'
    elif newer.state.ended:
        do = "Apply the declaration again if something is still to be done."
    else:
        do = f"Follow that one: edgewright watch {newer.id}"
    outcome = Outcome(state=OperationState.REFUSED, kind=Superseded.kind, reason=reason, do=do)
    await in_thread(services.operations.refuse, retry.id, outcome)
    raise Superseded(reason, do=do)


async def decide(
    services: Services,
    principal: Principal,
    operation: Operation,
    choice: Choice,
    why: str,
    step: str,
    key: IdempotencyKey,
) -> DecisionTaken:
    """A person's answer. Retrying what has ended opens a new operation, which is the one to follow."""
    # The same key may come again after the blocked operation it answered has ended: that is a repeat, no new operation.
    kept = await in_thread(services.answers.find, key, DecisionTaken)
    if kept is None and choice is Choice.RETRY and operation.state.ended:
        made = await retry_ended(services, principal, operation, key, why)
        return DecisionTaken(operation=made.id, step="", choice=choice, declaration_version=made.declaration_version)
    return await answer(services, principal, operation, choice, why, step, key)


async def open_and_start(
    services: Services, principal: Principal, draft: OperationDraft, key: IdempotencyKey, why: str = ""
) -> Operation:
    """Row and idempotency key in one transaction, then the workflow. Raises `LockTaken` naming who holds the lock."""
    draft = draft.model_copy(update={"workflow_id": lock_of(services, draft)})
    opened = await in_thread(services.operations.open, draft, key)
    operation = opened.operation
    if not opened.replayed:
        # Asked for anew, or a person's answer to what an ended one left: the trail counts these apart.
        did = "retry" if draft.retry_of else draft.kind
        await audit(services, principal, f"operation.{did}", operation, why)
        if draft.retry_of:
            await _refuse_superseded(services, operation)
        return _granted(await start(services, operation))
    if operation.state is OperationState.ACCEPTED:
        return _granted(await start_again(services, operation))
    for refused in (LockTaken, Superseded):
        if operation.outcome and operation.outcome.kind == refused.kind:
            raise refused(operation.outcome.reason, do=operation.outcome.do)
    return operation


def lock_of(services: Services, draft: OperationDraft) -> str:
    """The workflow id that the row will run under; empty for what takes no lock."""
    unopened = Operation(
        **draft.model_dump(exclude={"place"}),
        place=draft.place,
        id="",
        state=OperationState.ACCEPTED,
        accepted_at=now(),
    )
    return services.kinds[draft.kind].lock(order_of(unopened))


def _granted(started: Started) -> Operation:
    if started.how is not Start.LOCK_TAKEN:
        return started.operation
    outcome, holder = started.operation.outcome, started.holder
    raise Refusal(
        HTTPStatus.CONFLICT,
        LockTaken.kind,
        outcome.reason if outcome else "",
        do=outcome.do if outcome else "",
        context={"operation": started.operation.id, "holder": holder.model_dump() if holder else {}},
    )


async def _check_plan(services: Services, kind: str, site: str, plan_hash: str, digest: str, approver: str) -> None:
    """Only what is plain without looking at the world; whether the world has moved the workflow finds under its lock."""
    stored = await in_thread(services.plans.find, plan_hash)
    if stored is None:
        raise PlanRefused("plan-unknown", f"No plan has the hash {shown_hash(plan_hash)}.")
    if stored.plan.kind != kind or stored.plan.target != site:
        raise PlanRefused(
            "plan-other-target", f"Plan {shown_hash(plan_hash)} is for {stored.plan.kind} of {stored.plan.target}."
        )
    if stored.expires_at <= now():
        raise PlanRefused(
            "plan-expired", f"Plan {shown_hash(plan_hash)} expired at {stored.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    if stored.plan.declaration_digest != digest:
        raise PlanRefused(
            "declaration-changed", f"Plan {shown_hash(plan_hash)} was made for another version of {site}."
        )
    await in_thread(services.plans.approve, plan_hash, approver)


async def get(services: Services, principal: Principal, operation: str) -> Operation:
    """The row, if it lies within the principal's reach; otherwise it does not exist for them."""
    try:
        found = await in_thread(services.operations.get, operation)
    except OperationUnknown as error:
        raise not_found(error.kind, error.message, error.do) from error
    return see(principal, found, found.place, OperationUnknown.kind, f"No operation is called {operation}.")


async def page(
    services: Services, principal: Principal, where: OperationFilter, request: PageRequest
) -> Page[OperationView]:
    found = await in_thread(services.operations.list, where, principal.place, request)
    return Page[OperationView](items=tuple(view(services, row) for row in found.items), next=found.next)


async def detailed(services: Services, operation: Operation) -> OperationView:
    """With what each server does, where a worker answers in time."""
    progress = None if operation.state.ended else await progress_of(services, operation)
    if progress is None:
        return view(services, operation)
    return view(services, operation).model_copy(update={"servers": progress.servers, "steps": progress.steps})


def view(services: Services, operation: Operation) -> OperationView:
    kind = services.kinds.get(operation.kind)
    return OperationView(
        **dict(operation), title=kind.title if kind else operation.kind, links=links_of(services, operation)
    )


def links_of(services: Services, operation: Operation) -> Links:
    settings, base = services.settings, services.settings.public_url
    temporal = netbox = ""
    if settings.temporal_ui_url:
        temporal = (
            f"{settings.temporal_ui_url.rstrip('/')}/namespaces/{settings.temporal_namespace}"
            f"/workflows/{quote(workflow_id_of(operation), safe='')}"
        )
        temporal += f"/{operation.first_run_id}" if operation.first_run_id else ""
    if settings.netbox_url and operation.place.site:
        netbox = f"{settings.netbox_url.rstrip('/')}/dcim/devices/?site={operation.place.site}"
    return Links(
        self=f"{base}/v1/operations/{operation.id}",
        events=f"{base}/v1/operations/{operation.id}/events",
        temporal=temporal,
        netbox=netbox,
        console=f"{base}/console/operations/{operation.id}",
    )


async def audit(services: Services, principal: Principal, action: str, operation: Operation, why: str = "") -> None:
    await services.record(
        AuditEvent(
            at=now(),
            who=principal.name,
            action=action,
            object=operation.target,
            place=operation.place,
            on_behalf_of=operation.on_behalf_of,
            operation=operation.id,
            detail=why or None,
        )
    )
