"""Operations: the list, and one operation's page with what it waits for and the operator's answers."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.console import words
from api.console.overview import everything
from api.console.rendering import page
from api.console.sessions import PATH, OperatorsForm, SignedInDep
from api.console.streaming import Ticks, ticks_of_operation
from api.deps import ServicesDep
from api.problems import invalid
from api.services import decisions, findings, operations
from api.services.why import why
from domain.access import Place, Role
from domain.checking import Problem
from domain.finding import FindingFilter, FindingState
from domain.operation import OPEN_STATES, Choice, OperationFilter, OperationState
from domain.paging import PageRequest

router = APIRouter()

PAGE = PageRequest(limit=50)
FILTERS: dict[str, tuple[OperationState, ...]] = {
    "open": tuple(state for state in OperationState if state in OPEN_STATES),
    "blocked": (OperationState.BLOCKED,),
    "ended": tuple(state for state in OperationState if state.ended),
    "failed": (OperationState.FAILED, OperationState.PARTIAL, OperationState.REFUSED),
}
"""The list's filters by the words on its buttons."""


@router.get("/operations")
async def list_page(
    request: Request, services: ServicesDep, me: SignedInDep, state: str = "", site: str = "", cursor: str = ""
) -> Response:
    where = OperationFilter(states=FILTERS.get(state, ()), place=Place(site=site.strip()))
    found = await operations.page(services, me.principal, where, PAGE.model_copy(update={"cursor": cursor[:500]}))
    return page(
        request,
        "operations.html",
        me,
        operations=found.items,
        next=found.next,
        state=state,
        site=site.strip(),
        filters=FILTERS,
    )


@router.get("/operations/{operation}")
async def operation_page(operation: str, request: Request, services: ServicesDep, me: SignedInDep) -> Response:
    row = await operations.get(services, me.principal, operation)
    every = FindingFilter(states=tuple(FindingState), operation=row.id)
    shown, newest, reason, found = await asyncio.gather(
        operations.detailed(services, row),
        operations.newest_like(services, row),
        why(services, row),
        everything(lambda p: findings.page(services, me.principal, every, p)),
    )
    return page(
        request,
        "operation.html",
        me,
        operation=shown,
        why=reason,
        findings=[finding for finding in found if finding.operation == row.id],
        may_operate=me.principal.may(Role.OPERATOR, row.place),
        left=row.state in (OperationState.PARTIAL, OperationState.FAILED),
        newer=newest if newest.id != row.id else None,
        buttons=words.BUTTONS,
    )


@router.get("/operations/{operation}/events", response_class=Ticks)
async def events(operation: str, services: ServicesDep, me: SignedInDep) -> Ticks:
    """Says that something changed, until the operation has ended."""
    return Ticks(ticks_of_operation(services, await operations.get(services, me.principal, operation)))


@router.post("/operations/{operation}/decide")
async def decide(operation: str, services: ServicesDep, form: OperatorsForm) -> Response:
    """Approve, retry, skip or abandon at one wait; retry also of what has ended; cancel."""
    choice = _choice(form.text("choice", required=True))
    reason = form.text("why", required=True)
    row = await operations.get(services, form.principal, operation)
    if choice is Choice.CANCEL:
        await decisions.cancel(services, form.principal, row, reason, form.key)
        return _see(row.id, choice)
    step = form.text("step", at_most=300)
    taken = await operations.decide(services, form.principal, row, choice, reason, step, form.key)
    return _see(taken.operation, choice)


def _choice(value: str) -> Choice:
    if value not in {*words.BUTTONS, Choice.CANCEL}:
        raise invalid([Problem(path="choice", message=f"{value!r} is no answer to an operation")])
    return Choice(value)


def _see(operation: str, choice: Choice) -> RedirectResponse:
    return RedirectResponse(f"{PATH}/operations/{operation}?done={choice}", HTTPStatus.SEE_OTHER)
