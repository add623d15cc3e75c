"""A site's facts as recording, planning and audit want them, from the artifacts that an order names."""

from activities.artifacts import ModelShelf
from domain.artifact import ArtifactRef
from domain.cabling import CableState
from domain.onboarding import RackVerdict, RecordOrder, SwitchReadings
from domain.recording_facts import SiteFacts
from domain.system_observation import SystemObservations


def observed_systems(shelf: ModelShelf, ref: ArtifactRef | None) -> SystemObservations:
    """None were observed where no system names a driver, or an older build began the operation."""
    return SystemObservations() if ref is None else shelf.get(SystemObservations, ref)


def facts_of(shelf: ModelShelf, order: RecordOrder) -> SiteFacts:
    """Everything the order's verdicts say. A cable between two racks is in both: one that saw it is enough."""
    refs = (*order.verdicts, *((order.verdict,) if order.verdict is not None else ()))
    verdicts = [shelf.get(RackVerdict, ref) for ref in refs]
    cables = [cable for verdict in verdicts for cable in verdict.cables]
    return SiteFacts(
        operation=order.operation_id,
        servers=tuple(server for verdict in verdicts for server in verdict.servers),
        devices=(*shelf.get(SwitchReadings, order.switches).facts, *observed_systems(shelf, order.systems).facts),
        verified_cables=frozenset(cable.key for cable in cables if cable.state is CableState.VERIFIED),
        wrong_cables=frozenset(cable.key for cable in cables if cable.wrong),
    )
