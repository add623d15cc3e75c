"""Faults that only a BMC can have, beside those of every device on the wire."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.updating import UPDATE_FAULT
from lab.virtual.faults import Fault, FaultBoard, FaultKind, FaultUnknown

LIES = ("power-state", "reset", "patch", "password")
BMC_FAULTS = [
    FaultKind(
        name="lie",
        targets=("server",),
        description="The BMC says yes and does nothing, or reports the wrong power state.",
        arguments={"about": f"what: {', '.join(LIES)}"},
    ),
    FaultKind(
        name=UPDATE_FAULT,
        targets=("server",),
        description="A firmware update fails while it is installed; the old version stays.",
        arguments={"at": "optional: the percentage at which it fails, 50 if not given"},
    ),
    FaultKind(
        name="locked-out",
        targets=("server",),
        description="An account is locked, as if somebody kept trying wrong passwords.",
        arguments={"user": "optional: whose; the factory's user if not given"},
    ),
    FaultKind(
        name="password-unknown",
        targets=("server",),
        description="Somebody changed the password by hand: no known one works.",
        arguments={"user": "optional: whose; the factory's user if not given"},
    ),
]


def offer(board: FaultBoard, bmcs: dict[str, Bmc]) -> None:
    """Adds these kinds to the board and lets them act on the BMCs."""

    def check(fault: Fault) -> None:
        about = fault.arguments.get("about")
        if fault.kind == "lie" and about not in LIES:
            raise FaultUnknown(f"A BMC does not lie about {about}; about is one of {', '.join(LIES)}.")

    def apply(fault: Fault, seeded: bool) -> None:
        bmc = bmcs.get(fault.target)
        if bmc is None:
            return
        user = str(fault.arguments.get("user") or bmc.world.site.logins[bmc.machine.spec.bmc.login].user)
        if fault.kind == "locked-out":
            bmc.accounts.hold_locked(user, seeded)
        elif fault.kind == "password-unknown":
            bmc.accounts.hide_password(user, seeded)

    board.offer(*BMC_FAULTS, check=check)
    board.observe(apply)
