"""What stands until somebody ends it: findings and holds."""

from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from domain.access import Place
from domain.finding import (
    Finding,
    FindingFilter,
    FindingState,
    FindingUnknown,
    Report,
    Reported,
    Sighting,
)
from domain.hold import Hold, HoldUnknown
from domain.paging import Page, PageRequest
from store.database import (
    Clock,
    Transactions,
    around,
    columns_of,
    id_before,
    inside,
    limited,
    new_id,
    page_of,
    plain,
    utc_now,
)
from store.outbox import announce
from store.tables import finding_reports, findings, holds


class FindingRows:
    """Fulfils `domain.finding.FindingStore`."""

    def __init__(self, engine: Transactions, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def report(self, report: Report) -> Reported:
        """Two reports of one check take turns; a repeated key gets the first answer and counts nothing twice."""
        with self._engine.begin() as connection:
            # One lock for all reports: two checks may see one fact at once, and reports are short.
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("edgewright-findings"))))
            if report.key:
                kept = connection.scalar(select(finding_reports.c.answer).where(finding_reports.c.key == report.key))
                if kept is not None:
                    return Reported.model_validate(kept)
            reported = self._report(connection, report)
            if report.key:
                connection.execute(
                    insert(finding_reports).values(key=report.key, answer=plain(reported), at=self._clock())
                )
            return reported

    def _report(self, connection: Connection, report: Report) -> Reported:
        now = self._clock()
        new: list[Finding] = []
        worsened: list[Finding] = []
        seen: set[tuple[str, str]] = set()
        for sighting in report.sightings:
            if (sighting.object, sighting.kind) in seen:
                continue
            seen.add((sighting.object, sighting.kind))
            c = findings.c
            body = connection.scalar(select(c.body).where(c.object == sighting.object, c.kind == sighting.kind))
            old = Finding.model_validate(body) if body is not None else None
            fresh = self._seen(old, sighting, report)
            _save_finding(connection, fresh)
            if old is None or old.state is FindingState.RESOLVED:
                new.append(fresh)
            elif fresh.severity.rank > old.severity.rank:
                worsened.append(fresh)
        standing = select(findings.c.body).where(
            findings.c.state != FindingState.RESOLVED.value,
            findings.c.body["checks"].contains([report.check]),
            *inside(findings, report.place),
        )
        known = [Finding.model_validate(body) for body in connection.scalars(standing.order_by(findings.c.id))]
        resolved: list[Finding] = []
        for finding in known:
            if (finding.object, finding.kind) in seen or finding.object in report.unseen:
                continue
            checks = tuple(check for check in finding.checks if check != report.check)
            change: dict[str, Any] = {"checks": checks}
            if not checks:
                change |= {"state": FindingState.RESOLVED, "resolved_at": now}
            gone = finding.model_copy(update=change)
            _save_finding(connection, gone)
            if not checks:
                resolved.append(gone)
        for kind, group in (("finding.new", new), ("finding.worsened", worsened)):
            for finding in group:
                announce(connection, kind, finding.object, plain(finding), now)
        standing_count = sum(1 for finding in known if (finding.object, finding.kind) in seen)
        return Reported(new=tuple(new), worsened=tuple(worsened), resolved=tuple(resolved), open=standing_count)

    def _seen(self, old: Finding | None, sighting: Sighting, report: Report) -> Finding:
        now = self._clock()
        said: dict[str, Any] = {
            "severity": sighting.severity,
            "message": sighting.message,
            "do": sighting.do,
            "evidence": sighting.evidence,
            "place": sighting.place or report.place,
            "operation": report.operation,
            "last_seen": now,
        }
        if old is None:
            return Finding(
                id=new_id("fi", now),
                object=sighting.object,
                kind=sighting.kind,
                state=FindingState.OPEN,
                checks=(report.check,),
                first_seen=now,
                count=1,
                **said,
            )
        if old.state is FindingState.RESOLVED:
            # It came back: nobody has acknowledged this time yet.
            said |= {"state": FindingState.OPEN, "acknowledged_by": "", "note": "", "resolved_at": None, "checks": ()}
        elif sighting.severity.rank > old.severity.rank:
            said |= {"state": FindingState.OPEN}
        checks = () if old.state is FindingState.RESOLVED else old.checks
        said |= {"checks": tuple(sorted({*checks, report.check})), "count": old.count + 1}
        return old.model_copy(update=said)

    def acknowledge(self, finding: str, who: str, note: str = "") -> Finding:
        """A resolved finding is left as it is."""
        with self._engine.begin() as connection:
            found = _finding(connection, finding, lock=True)
            if found.state is FindingState.RESOLVED:
                return found
            known = found.model_copy(update={"state": FindingState.ACKNOWLEDGED, "acknowledged_by": who, "note": note})
            _save_finding(connection, known)
            return known

    def get(self, finding: str) -> Finding:
        with self._engine.connect() as connection:
            return _finding(connection, finding)

    def list(self, where: FindingFilter, reach: Place, page: PageRequest) -> Page[Finding]:
        """Newest first."""
        c = findings.c
        statement = select(c.body).where(*inside(findings, reach), *inside(findings, where.place))
        for column in ("kind", "object", "operation"):
            if value := getattr(where, column):
                statement = statement.where(c[column] == value)
        if where.states:
            statement = statement.where(c.state.in_([state.value for state in where.states]))
        if where.severities:
            statement = statement.where(c.severity.in_([severity.value for severity in where.severities]))
        if before := id_before(page, "fi"):
            statement = statement.where(c.id < before)
        with self._engine.connect() as connection:
            bodies = connection.scalars(limited(statement.order_by(c.id.desc()), page)).all()
        return page_of([Finding.model_validate(body) for body in bodies], page, lambda found: found.id)


def _finding(connection: Connection, finding: str, *, lock: bool = False) -> Finding:
    statement = select(findings.c.body).where(findings.c.id == finding)
    body = connection.scalar(statement.with_for_update() if lock else statement)
    if body is None:
        raise FindingUnknown(f"No finding is called {finding}.", do="See: edgewright get findings")
    return Finding.model_validate(body)


def _save_finding(connection: Connection, finding: Finding) -> None:
    values = {
        "id": finding.id,
        "object": finding.object,
        "kind": finding.kind,
        "state": finding.state.value,
        "severity": finding.severity.value,
        "operation": finding.operation,
        "body": plain(finding),
        **columns_of(finding.place),
    }
    connection.execute(
        upsert(findings).values(values).on_conflict_do_update(index_elements=[findings.c.id], set_=values)
    )


class HoldRows:
    """Fulfils `domain.hold.HoldStore`."""

    def __init__(self, engine: Transactions, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def place(self, place: Place, reason: str, who: str) -> Hold:
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"hold/{place}"))))
            c = holds.c
            here = [c[level] == value for level, value in columns_of(place).items()]
            for body in connection.scalars(select(c.body).where(c.in_force, *here)):
                known = Hold.model_validate(body)
                if known.who == who:
                    return known
            now = self._clock()
            hold = Hold(id=new_id("ho", now), place=place, reason=reason, who=who, since=now)
            connection.execute(insert(holds).values(id=hold.id, in_force=True, body=plain(hold), **columns_of(place)))
            return hold

    def release(self, hold: str, who: str, why: str = "") -> Hold:
        with self._engine.begin() as connection:
            found = _hold(connection, hold, lock=True)
            if not found.in_force:
                return found
            changes = {"released_at": self._clock(), "released_by": who, "released_why": why}
            released = found.model_copy(update=changes)
            connection.execute(update(holds).where(holds.c.id == hold).values(in_force=False, body=plain(released)))
            return released

    def get(self, hold: str) -> Hold:
        with self._engine.connect() as connection:
            return _hold(connection, hold)

    def covering(self, place: Place, *, within: bool = False) -> tuple[Hold, ...]:
        there = and_(true(), *around(holds, place))
        if within:
            # A hold names a server by its site, not always by its rack.
            there = or_(there, and_(true(), *inside(holds, Place(region=place.region, site=place.site))))
        statement = select(holds.c.body).where(holds.c.in_force, there).order_by(holds.c.id)
        with self._engine.connect() as connection:
            return tuple(Hold.model_validate(body) for body in connection.scalars(statement))

    def list(self, reach: Place, page: PageRequest, *, released: bool = False) -> Page[Hold]:
        """Newest first; `released`: those that are over as well."""
        c = holds.c
        statement = select(c.body).where(*inside(holds, reach))
        if not released:
            statement = statement.where(c.in_force)
        if before := id_before(page, "ho"):
            statement = statement.where(c.id < before)
        with self._engine.connect() as connection:
            bodies = connection.scalars(limited(statement.order_by(c.id.desc()), page)).all()
        return page_of([Hold.model_validate(body) for body in bodies], page, lambda hold: hold.id)


def _hold(connection: Connection, hold: str, *, lock: bool = False) -> Hold:
    statement = select(holds.c.body).where(holds.c.id == hold)
    body = connection.scalar(statement.with_for_update() if lock else statement)
    if body is None:
        raise HoldUnknown(f"No hold is called {hold}.", do="See: edgewright get holds")
    return Hold.model_validate(body)
