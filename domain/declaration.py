"""What somebody declared, every version kept, and the plans made from it: as they lie in our store."""

from datetime import datetime

from domain.access import Place
from domain.errors import Conflict, Rejected
from domain.model import Json, Model
from domain.plan import Plan


class DeclarationUnknown(Rejected):
    """Nothing of this kind and name, or no such version, was declared."""

    kind = "declaration-unknown"


class VersionStale(Conflict):
    """Somebody stored a newer version than the one this change is based on."""

    kind = "version-stale"


class PlanUnknown(Rejected):
    """No plan with this hash is kept."""

    kind = "plan-unknown"


class Declaration(Model):
    """One version of what somebody declared, as it was checked and stored. The version is its ETag."""

    kind: str
    name: str
    version: int
    digest: str
    author: str
    at: datetime
    place: Place = Place()
    deleted: bool = False
    body: dict[str, Json]


class StoredPlan(Model):
    """A plan as it is kept by hash. Only expiry and approver are added to it later; the plan itself never changes."""

    plan: Plan
    hash: str
    place: Place = Place()
    author: str = ""
    approver: str = ""
    created_at: datetime
    expires_at: datetime
