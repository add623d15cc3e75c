"""What can go wrong between us and a switch.

Transient   SwitchUnreachable          no connection, or it broke
            SwitchTroubled             500 to 504: the switch is in trouble
            SwitchAnswerUnclear        an answer that is no NVUE
Throttled   SwitchBusy                 429, 503 with Retry-After
NotYet      ApplyUnfinished            still applying when our patience ended
Rejected    SwitchLoginRefused         401
            FactoryPasswordUnchanged   403 on everything
            SwitchForbidden            403 on this: the user may not
            SwitchObjectMissing        404
            RevisionMissing            404 on a revision
            SwitchRefused              400, 422 or a failed apply; carries the issues
            SwitchRolledBack           the apply failed and the switch restored itself
            ConfirmExpired             nobody confirmed in time; the switch restored itself
Conflict    ApplyInProgress            somebody else's apply is under way
            SwitchChangedMeanwhile     what we are about to change is not what was planned on
            SwitchCertificateChanged   another certificate than the pinned one
"""

from domain.errors import Conflict, NotYet, Rejected, Throttled, Transient
from domain.nvue import RevisionIssue, SwitchLoginRefused

__all__ = [
    "ApplyInProgress",
    "ApplyUnfinished",
    "ConfirmExpired",
    "FactoryPasswordUnchanged",
    "RevisionMissing",
    "SwitchAnswerUnclear",
    "SwitchBusy",
    "SwitchCertificateChanged",
    "SwitchChangedMeanwhile",
    "SwitchForbidden",
    "SwitchLoginRefused",
    "SwitchObjectMissing",
    "SwitchRefused",
    "SwitchRolledBack",
    "SwitchTroubled",
    "SwitchUnreachable",
]


class SwitchUnreachable(Transient):
    """No connection in time, or it broke before the answer was whole. Normal while a switch reloads."""

    kind = "switch-unreachable"


class SwitchTroubled(Transient):
    """The switch answered 5xx."""

    kind = "switch-troubled"


class SwitchAnswerUnclear(Transient):
    """The answer is no JSON or not shaped as NVUE's: often a half-started web server."""

    kind = "switch-answer-unclear"


class SwitchBusy(Throttled):
    """The switch asked for a pause."""

    kind = "switch-busy"


class ApplyUnfinished(NotYet):
    """The revision still moves when our patience ended. Waiting again is safe."""

    kind = "apply-unfinished"


class FactoryPasswordUnchanged(Rejected):
    """403 on everything: from Cumulus Linux 5.6 the API stays shut until the factory password was changed at first login."""

    kind = "factory-password-unchanged"


class SwitchForbidden(Rejected):
    """403 on this request only: the user's role does not allow it (`nvapply` writes, `nvshow` reads)."""

    kind = "switch-forbidden"


class SwitchObjectMissing(Rejected):
    """404: this switch has no such object."""

    kind = "switch-object-missing"


class RevisionMissing(SwitchObjectMissing):
    """The revision is gone: deleted by somebody, or cleaned up by the switch."""

    kind = "revision-missing"


class SwitchRefused(Rejected):
    """The configuration cannot be applied as it is. `issues` are the switch's own words."""

    kind = "switch-refused"

    def __init__(self, message: str, *, do: str = "", issues: tuple[RevisionIssue, ...] = ()) -> None:
        self.issues = issues
        super().__init__(message, do=do)


class SwitchRolledBack(SwitchRefused):
    """The apply failed half way and the switch runs its former configuration again; `restored` is false if even that failed."""

    kind = "switch-rolled-back"

    def __init__(
        self, message: str, *, do: str = "", issues: tuple[RevisionIssue, ...] = (), restored: bool = True
    ) -> None:
        self.restored = restored
        super().__init__(message, do=do, issues=issues)


class ConfirmExpired(SwitchRefused):
    """No confirmation came in time (or it was refused by us): the switch runs its former configuration again."""

    kind = "confirm-expired"


class ApplyInProgress(Conflict):
    """A switch applies one revision at a time; `revision_id` is the one in the way."""

    kind = "apply-in-progress"

    def __init__(self, message: str, *, do: str = "", revision_id: str = "") -> None:
        self.revision_id = revision_id
        super().__init__(message, do=do)


class SwitchChangedMeanwhile(Conflict):
    """Applying now would change other things than the plan said: somebody else applied in between."""

    kind = "switch-changed-meanwhile"


class SwitchCertificateChanged(Conflict):
    """The switch shows another certificate than the one that is pinned. No password was sent."""

    kind = "switch-certificate-changed"
