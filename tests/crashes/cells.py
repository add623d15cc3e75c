"""Who is killed where: every step of onboarding, three points, three victims."""

from dataclasses import dataclass

from tests import matrix

STEPS = {
    "take_operation": "new", "load_site": "new", "record_progress": "new", "reach_out_of_band": "new", "discover_devices": "new",
    "name_bmcs": "new", "report_findings": "new", "read_switches": "new",
    "observe_systems": "new", "read_known_servers": "grown", "plan_site": "grown",
    "read_holds": "new", "record_waiting": "held", "take_over_switches": "new", "record_site": "new", "take_over_credentials": "new",
    "read_server": "new", "judge_rack": "new", "keep_attestations": "new", "record_rack": "new", "import_acceptance_report": "new",
    "end_operation": "new",
}  # fmt: skip
"""Each activity that onboarding runs, in the order of their first runs, and the scenario (`scenarios.py`) in which it does."""

LEFT_OUT = {
    "open_operation": "opens the row of an operation that a schedule starts; nobody schedules an onboarding",
    "record_plan": "writes to the row which plan was made; only SitePlan makes one that is kept, onboarding compares",
}
"""Activities that onboarding's modules name and no onboarding runs, and why."""

POINTS = ("before", "unreported", "after")
VICTIMS = ("worker", "api", "bmc")


@dataclass(frozen=True)
class Cell:
    """Who is killed, in which step, at which point."""

    who: str
    step: str
    point: str

    @property
    def name(self) -> str:
        return f"{self.who} {self.step} {self.point}"

    @property
    def scenario(self) -> str:
        return STEPS.get(self.step, "new")


CELLS = (
    *(Cell(who, step, point) for who in VICTIMS for step in STEPS for point in POINTS),
    # The request itself, which is no activity: while it comes, between its row and its answer, and when it was answered.
    *(Cell("api", "accept", point) for point in POINTS),
    *(Cell("site", step, "before") for step in ("reach_out_of_band", "take_over_credentials", "read_server")),
    *(Cell("site", step, "unreported") for step in ("discover_devices", "take_over_credentials")),
)

NETBOX_CELLS = tuple(
    Cell("worker, NetBox", step, point)
    for step in ("record_site", "record_rack")
    for point in ("before", "halfway", "unreported")
)
"""On a real NetBox, also in the middle of what is written there; for a proof."""

TABLE = matrix.Table(
    "crash-proof.md",
    "Kills × onboarding",
    "sim",
    ("killed", "afterwards", "seconds"),
    tuple(cell.name for cell in (*CELLS, *NETBOX_CELLS)),
)
