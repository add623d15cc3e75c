"""Changing one resource: PATCH with an `If-Match` only where the BMC asks for one, and the task where it makes one of it."""

from collections.abc import Mapping

from clients.redfish.resource import Resource
from clients.redfish.tasks import TaskMonitor
from clients.redfish.wire import Answer, Wire
from domain.bmc import BmcResourceMissing
from domain.model import Json

PATIENCE_S = 30.0
"""For the few BMCs that make a task of a change that others answer at once."""


def patch(wire: Wire, path: str, body: Mapping[str, Json]) -> Answer:
    """Any answer but the demand for an ETag: some BMCs refuse `If-Match`, others refuse its absence."""
    answer = wire.send("PATCH", path, body)
    if answer.status in (412, 428):
        shown = wire.send("GET", path)
        etag = shown.headers.get("etag") or shown.body.text("@odata.etag")
        if etag:
            answer = wire.send("PATCH", path, body, headers={"If-Match": etag})
    return answer


def settled(wire: Wire, answer: Answer, what: str) -> None:
    """Raises what a refusal means; waits for the task if there is one."""
    wire.judge(answer, what)
    if task := TaskMonitor.of(wire, answer, what):
        task.wait(PATIENCE_S)


def target_of(wire: Wire, resource: Resource, action: str) -> str:
    """Where an action is POSTed to. Raises `BmcResourceMissing` if the resource does not offer it."""
    target = action_of(resource, action).text("target")
    if not target:
        raise BmcResourceMissing(f"{wire.endpoint} does not offer {action}.")
    return target


def action_of(resource: Resource, action: str) -> Resource:
    """`#Drive.SecureErase` as the resource shows it, with its allowable values; empty if it is not offered."""
    return resource.inner("Actions").inner(f"#{action}")
