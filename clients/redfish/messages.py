"""What a BMC says when it refuses: Redfish extended messages (DSP0266, error responses)."""

from collections.abc import Iterator

from clients.redfish.resource import Resource
from domain.model import Model

_SEVERITY = {"critical": 2, "warning": 1}

NOT_READY = frozenset(
    {
        "ServiceTemporarilyUnavailable",
        "ServiceShuttingDown",
        "ServiceInUnknownState",
        "ResourceInUse",
        "UpdateInProgress",
        "ResourceNotReady",
    }
)
"""Message keys that mean "ask again in a moment", whatever the status says."""

SESSION_LIMIT = "SessionLimitExceeded"
CHANGE_REQUIRED = "PasswordChangeRequired"
LOCKED = frozenset({"AccountLocked", "AccountLockedOut", "UserAccountLocked"})
"""No DMTF registry has one; vendors' own registries do, under these names."""


class Message(Model):
    """One extended message. `key` is its id without registry and version."""

    id: str = ""
    text: str = ""
    severity: int = 0
    resolution: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.id.rsplit(".", 1)[-1]


def messages_of(body: Resource) -> tuple[Message, ...]:
    """All messages of an answer, the most severe first; an error without extended ones gives its own code and text."""
    error = body.inner("error")
    found = [*_extended(error), *_extended(body)]
    if not found and (error.text("code") or error.text("message")):
        found = [Message(id=error.text("code"), text=error.text("message"))]
    # GeneralError only says that there are others.
    return tuple(sorted(found, key=lambda message: (message.key == "GeneralError", -message.severity)))


def _extended(holder: Resource) -> Iterator[Message]:
    for item in holder.each("@Message.ExtendedInfo"):
        severity = item.text("MessageSeverity") or item.text("Severity")
        yield Message(
            id=item.text("MessageId"),
            text=item.text("Message"),
            severity=_SEVERITY.get(severity.lower(), 0),
            resolution=item.text("Resolution"),
            arguments=item.texts("MessageArgs"),
        )
