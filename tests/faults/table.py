"""The lines of docs/faults-proof.md: cells of every kind in one table."""

from tests import matrix
from tests.faults.blocked import BLOCKED
from tests.faults.expected import CELLS

POSTGRES_AWAY = "Postgres killed and away"
REAL_NETBOX_STOPPED = "a real NetBox that stands still"
REAL_NETBOX_KILLED = "a real NetBox killed and started again"

TABLE = matrix.Table(
    "faults-proof.md",
    "Faults × onboarding",
    "sim",
    ("fault", "outcome", "critical findings", "warnings", "in", "touches"),
    (
        *(cell.name for cell in CELLS),
        *(cell.name for cell in BLOCKED),
        POSTGRES_AWAY,
        REAL_NETBOX_STOPPED,
        REAL_NETBOX_KILLED,
    ),
)
