"""Faults that any device can have: refused connections, stalls, dropped answers, errors, slowness.

Both BMCs and switches use these; each device type adds its own kinds beside them.
"""

from fnmatch import fnmatch

from lab.virtual.faults import Fault, FaultBoard, FaultKind, Target

_ON: tuple[Target, ...] = ("server", "switch")
_REACHED: tuple[Target, ...] = (*_ON, "system")
"""Also those that speak no HTTP."""
_REQUEST = {
    "method": "optional: only requests with this method, such as PATCH; of DNS the opcode, such as QUERY",
    "path": "optional: only requests whose path fits this pattern, such as /redfish/v1/AccountService/*; of DNS the question",
}

WIRE_FAULTS = [
    FaultKind(name="refuse", targets=_REACHED, description="Connections are refused: nobody listens."),
    FaultKind(
        name="stall",
        targets=_REACHED,
        description="Connections are accepted and requests never answered.",
        arguments=_REQUEST,
    ),
    FaultKind(
        name="drop",
        targets=_REACHED,
        description="The connection breaks instead of an answer.",
        arguments={**_REQUEST, "when": "optional: `before` the request takes effect (default) or `after` it did"},
    ),
    FaultKind(
        name="error",
        targets=_ON,
        description="Requests are answered with an error status and have no effect.",
        arguments={**_REQUEST, "status": "optional: the status, 503 if not given"},
    ),
    FaultKind(
        name="slow",
        targets=_REACHED,
        description="Each answer comes late.",
        arguments={**_REQUEST, "seconds": "by how many lab seconds"},
    ),
    FaultKind(
        name="reboot",
        targets=_ON,
        description="The device's management restarts after a request took effect, before its answer.",
        arguments=_REQUEST,
    ),
    FaultKind(
        name="expired-certificate", targets=_ON, description="The device shows a certificate that is past its date."
    ),
    FaultKind(
        name="other-certificate",
        targets=_ON,
        description="The device shows another certificate than before, as an impostor or a factory reset would.",
    ),
]


def matching(board: FaultBoard, device: str, kind: str, method: str, path: str) -> Fault | None:
    """The seeded fault of this kind that concerns the request; `spend` it when it takes effect."""
    for fault in board.on(device, kind):
        wanted = str(fault.arguments.get("method") or method)
        pattern = str(fault.arguments.get("path") or "*")
        if wanted.upper() == method.upper() and fnmatch(path, pattern):
            return fault
    return None
