"""NVUE switches over REST: identity, cabling, and configuration by revisions (stage → diff → apply → wait → confirm)."""

from clients.nvue.client import NvueClient
from clients.nvue.errors import (
    ApplyInProgress,
    ApplyUnfinished,
    ConfirmExpired,
    FactoryPasswordUnchanged,
    RevisionMissing,
    SwitchAnswerUnclear,
    SwitchBusy,
    SwitchCertificateChanged,
    SwitchChangedMeanwhile,
    SwitchForbidden,
    SwitchLoginRefused,
    SwitchObjectMissing,
    SwitchRefused,
    SwitchRolledBack,
    SwitchTroubled,
    SwitchUnreachable,
)
from clients.nvue.factory import NvueFactory
from clients.nvue.transport import SwitchAddress, SwitchTimeouts, Trust, probe

__all__ = [
    "ApplyInProgress",
    "ApplyUnfinished",
    "ConfirmExpired",
    "FactoryPasswordUnchanged",
    "NvueClient",
    "NvueFactory",
    "RevisionMissing",
    "SwitchAddress",
    "SwitchAnswerUnclear",
    "SwitchBusy",
    "SwitchCertificateChanged",
    "SwitchChangedMeanwhile",
    "SwitchForbidden",
    "SwitchLoginRefused",
    "SwitchObjectMissing",
    "SwitchRefused",
    "SwitchRolledBack",
    "SwitchTimeouts",
    "SwitchTroubled",
    "SwitchUnreachable",
    "Trust",
    "probe",
]
