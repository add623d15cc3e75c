"""Large things travel by reference: an `ArtifactRef` names content by its hash, so it never goes stale and is checked on reading."""

from typing import Protocol

from domain.errors import Transient
from domain.model import Model

INLINE_LIMIT_BYTES = 32 * 1024
"""What is larger than this travels as an `ArtifactRef`."""


class ArtifactsAway(Transient):
    """The artifact store cannot be read or written now: nobody is judged by it. Every subclass stands in `AWAY`."""

    kind = "artifacts-away"


AWAY = frozenset({"artifacts-away", "artifacts-unreachable"})
"""The kinds of `ArtifactsAway`."""


class ArtifactRef(Model):
    sha256: str
    size: int
    media_type: str = "application/json"


class ArtifactStore(Protocol):
    """Every method raises `ArtifactsAway`."""

    def put(self, content: bytes, media_type: str = "application/json") -> ArtifactRef:
        """Stores the content under its hash; storing it again changes nothing."""
        ...

    def get(self, ref: ArtifactRef) -> bytes:
        """The content, checked against its hash. Raises `ArtifactMissing` or `ArtifactDamaged` (both Rejected)."""
        ...

    def find(self, sha256: str) -> ArtifactRef | None:
        """What is known of an artifact by its hash alone; None if it is not there."""
        ...
