"""A rack and its servers during onboarding: one child for each server in a bounded window, recorded together in bulk."""

import asyncio
import contextlib

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

from domain import artifact, secret
from domain.access import Place
from domain.artifact import ArtifactRef
from domain.finding import Report
from domain.hold import HoldQuery
from domain.judgement import Trouble
from domain.onboarding import (
    Attested,
    Judged,
    JudgeOrder,
    RackOrder,
    RackProgress,
    RackReport,
    Recorded,
    RecordOrder,
    ServerOrder,
    ServerTask,
    Standing,
)
from domain.operation import StepState
from domain.order import ServerStanding, server_lock
from workflows.calls import (
    JUDGE_RACK,
    KEEP_ATTESTATIONS,
    READ_HOLDS,
    READ_SERVER,
    RECORD_RACK,
    REPORT_FINDINGS,
    TAKE_OVER_CREDENTIALS,
)
from workflows.cancelling import cancel_all, stop_if_cancelled
from workflows.failures import reason_of, trouble_of
from workflows.holding import ChildsBoundary
from workflows.search_attributes import of_child

WINDOW = 16
"""How many servers of a rack are spoken to at once."""

STORES_AWAY = artifact.AWAY | secret.AWAY
"""Kinds of trouble that are ours and no server's: its rack stops and waits for a person, and nobody is quarantined."""

PROGRESS_PARTS = 4
"""How often a rack tells its site while its servers are read."""

RACKS_TOLD_OFTEN = 8
"""In a site of more, once."""


@workflow.defn
class ServerOnboarding:
    """Observes one server and holds its lock until its rack has recorded it. A server that cannot be read stops nobody."""

    @workflow.init
    def __init__(self, order: ServerOrder) -> None:
        self._order = order
        self._recorded = False
        self._boundary = ChildsBoundary(order.operation_id, order.server, f"Take over {order.server}")

    @workflow.run
    async def run(self, order: ServerOrder) -> Standing:
        task = ServerTask(site=order.site, server=order.server, discovery=order.discovery)
        if workflow.patched("childrens-holds"):
            # Who is held already when its rack begins has no child; this is for a hold that came since.
            site = order.site
            await self._boundary.pass_holds(
                Place(region=site.region, site=site.name, rack=order.rack, server=order.server)
            )
        try:
            await TAKE_OVER_CREDENTIALS(task, queue=order.devices_queue, about=order.server)
            read = await READ_SERVER(task, queue=order.devices_queue, about=order.server)
            standing = self._standing("read", StepState.DONE, reading=read.reading)
        except ActivityError as error:
            if isinstance(error.cause, CancelledError):
                raise
            trouble = trouble_of(error)
            if trouble.kind in STORES_AWAY and workflow.patched("stores-away"):
                raise
            standing = self._standing("read", StepState.FAILED, trouble=trouble)
        await self._tell_rack(standing)
        stop_if_cancelled()
        await workflow.wait_condition(lambda: self._recorded)
        return standing

    @workflow.signal
    def recorded(self) -> None:
        """The rack has written this server down: its lock may go."""
        self._recorded = True

    def _standing(
        self, step: str, state: StepState, *, reading: ArtifactRef | None = None, trouble: Trouble | None = None
    ) -> Standing:
        order = self._order
        return Standing(server=order.server, rack=order.rack, step=step, state=state, reading=reading, trouble=trouble)

    async def _tell_rack(self, standing: Standing) -> None:
        await workflow.get_external_workflow_handle(self._order.parent).signal("server_observed", standing)


@workflow.defn
class RackOnboarding:
    """Brings the servers of one rack in, each by its own child; records them in bulk and lets them go."""

    @workflow.init
    def __init__(self, order: RackOrder) -> None:
        self._order = order
        self._seen: dict[str, Standing] = {}
        self._busy: list[str] = []
        self._held: frozenset[str] = frozenset()
        self._children: dict[str, workflow.ChildWorkflowHandle[ServerOnboarding, Standing]] = {}
        self._starting: list[asyncio.Task[None]] = []
        rack = order.rack.rack
        self._boundary = ChildsBoundary(order.operation_id, rack, f"Take over the servers of rack {rack}")

    @workflow.run
    async def run(self, order: RackOrder) -> RackReport:
        try:
            await self._look_for_holds()
            await self._observe()
            self._stop_if_one_failed()
            judged = await self._judge()
            attested, recorded = await self._record(judged)
        except (asyncio.CancelledError, FailureError) as error:
            if is_cancelled_exception(error) and workflow.patched("cancel-children"):
                await self._cancel_children()
            else:
                await self._let_go()
            raise
        try:
            await self._let_go()
        except asyncio.CancelledError:
            if workflow.patched("cancel-children"):
                await self._cancel_children()
            raise
        stop_if_cancelled()
        kept_out = tuple(name for name in recorded.quarantined if name not in judged.quarantined)
        return RackReport(
            rack=order.rack.rack,
            good=judged.good - len(kept_out),
            quarantined=(*judged.quarantined, *kept_out),
            busy=tuple(self._busy),
            verdict=judged.verdict,
            recorded=recorded,
            evidence=attested.entries,
            held=tuple(sorted(self._held)),
        )

    @workflow.signal
    def server_observed(self, standing: Standing) -> None:
        self._seen[standing.server] = standing

    async def _look_for_holds(self) -> None:
        """Stops while rack, site, region or fleet are held. A server that is held by itself is left alone and told: the others
        of its rack are not to wait for it."""
        if not workflow.patched("holds"):
            return
        site, rack = self._order.site, self._order.rack
        place = Place(region=site.region, site=site.name, rack=rack.rack)
        if workflow.patched("childrens-holds"):
            await self._boundary.pass_holds(place)
        found = await READ_HOLDS(HoldQuery(place=place, within=True), about=rack.rack)
        of_servers = {hold.place.server for hold in found.holds if hold.place.server}
        of_the_rack = any(hold.place.rack and not hold.place.server for hold in found.holds)
        self._held = frozenset(name for name in rack.servers if of_the_rack or name in of_servers)

    async def _observe(self) -> None:
        """One child for each server that was found, at most `WINDOW` of them still observing."""
        at_once = workflow.patched("at-once")
        for server in self._order.rack.servers:
            if server in self._order.missing or server in self._held:
                continue
            await workflow.wait_condition(lambda: len(self._starting) - len(self._busy) - self._observed() < WINDOW)
            starting = asyncio.create_task(self._start(server))
            self._starting.append(starting)
            if not at_once:
                await asyncio.shield(starting)
        # Not cut off by a cancel: a child that has just started is known then, and can be asked to stop.
        await asyncio.shield(asyncio.gather(*self._starting))
        # Each telling is four events of the site's history: a large site hears of each rack once.
        large = len(self._order.site.racks) > RACKS_TOLD_OFTEN and at_once
        parts = 1 if large else PROGRESS_PARTS
        for part in range(1, parts + 1):
            enough = len(self._children) * part // parts
            await workflow.wait_condition(lambda enough=enough: self._observed() >= enough)
            await self._tell_site(self._order.parent)
            stop_if_cancelled()

    async def _tell_site(self, site: str) -> None:
        progress = RackProgress(rack=self._order.rack.rack, servers=tuple(map(self._server, self._children)))
        await workflow.get_external_workflow_handle(site).signal("servers_observed", progress)

    def _server(self, name: str) -> ServerStanding:
        rack, seen = self._order.rack.rack, self._seen.get(name)
        if seen is None:
            return ServerStanding(server=name, rack=rack, step="read", state=StepState.RUNNING)
        reasons = (seen.trouble.message,) if seen.trouble is not None else ()
        return ServerStanding(server=name, rack=rack, step=seen.step, state=seen.state, reasons=reasons)

    def _observed(self) -> int:
        """Children that have told, or ended without telling."""
        return sum(1 for name, child in self._children.items() if name in self._seen or child.done())

    def _stop_if_one_failed(self) -> None:
        """A child fails only where what failed is not its server: the rack is not judged by that."""
        failed = [child.exception() for child in self._children.values() if child.done() and not child.cancelled()]
        error = next((error for error in failed if isinstance(error, FailureError)), None)
        if error is not None and workflow.patched("stores-away"):
            raise ApplicationError(reason_of(error), type="rack-failed") from error

    async def _start(self, server: str) -> None:
        order = self._order
        try:
            self._children[server] = await workflow.start_child_workflow(
                ServerOnboarding.run,
                ServerOrder(
                    operation_id=order.operation_id,
                    site=order.site,
                    server=server,
                    rack=order.rack.rack,
                    discovery=order.discovery,
                    devices_queue=order.devices_queue,
                    parent=workflow.info().workflow_id,
                ),
                id=server_lock(order.site.name, server),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                static_summary=f"Onboard {server}",
                search_attributes=of_child(order.operation_id, order.site.region, order.site.name),
            )
        except WorkflowAlreadyStartedError:
            # Another operation holds this server: it is reported, and the others go on.
            self._busy.append(server)

    async def _judge(self) -> Judged:
        readings = tuple(s.reading for s in self._seen.values() if s.reading is not None)
        return await JUDGE_RACK(
            JudgeOrder(
                site=self._order.site,
                rack=self._order.rack.rack,
                switches=self._order.switches,
                readings=readings,
                troubles={s.server: s.trouble for s in self._seen.values() if s.trouble is not None},
                missing=(*self._order.missing, *self._busy, *sorted(self._held)),
            ),
            about=self._order.rack.rack,
        )

    async def _record(self, judged: Judged) -> tuple[Attested, Recorded]:
        order = self._order
        asked = RecordOrder(
            operation_id=order.operation_id,
            site=order.site,
            switches=order.switches,
            rack=order.rack.rack,
            verdict=judged.verdict,
        )
        attested = await KEEP_ATTESTATIONS(asked, about=order.rack.rack)
        recorded = await RECORD_RACK(asked, about=order.rack.rack)
        place = Place(region=order.site.region, site=order.site.name, rack=order.rack.rack)
        await REPORT_FINDINGS(
            Report(
                check="verification",
                place=place,
                sightings=judged.sightings,
                unseen=judged.unseen,
                operation=order.operation_id,
            ),
            about=order.rack.rack,
        )
        return attested, recorded

    async def _cancel_children(self) -> None:
        """Ends only when every child has: until then its server's lock is not free, and it may be changing a password."""
        await asyncio.gather(*self._starting, return_exceptions=True)
        await cancel_all(self._children.values())

    async def _let_go(self) -> None:
        """Tells every child that is still open, and waits for all of them."""
        if workflow.patched("at-once"):
            await asyncio.gather(*map(self._tell_recorded, self._children.values()))
        else:
            for child in self._children.values():
                await self._tell_recorded(child)
        await asyncio.gather(*self._children.values(), return_exceptions=True)

    async def _tell_recorded(self, child: workflow.ChildWorkflowHandle[ServerOnboarding, Standing]) -> None:
        if not child.done():
            # One that has ended meanwhile needs no telling.
            with contextlib.suppress(ApplicationError):
                await child.signal(ServerOnboarding.recorded)
