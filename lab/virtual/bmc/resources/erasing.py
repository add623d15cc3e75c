"""The erase action of a drive: what it offers by its model, and the task that follows the drive's own work."""

from typing import Any

from lab.virtual.bmc.checks import whole
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.messages import message, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.systems import accepted_task
from lab.virtual.bmc.routing import COMPONENTS, Answer, Call, chosen, missing, reads, writes
from lab.virtual.bmc.tasks import Progress, Task, works
from lab.virtual.bmc.tree import CHASSIS, ROOT
from lab.virtual.drives import EraseRefused
from lab.virtual.hardware import Drive

DRIVES = f"{CHASSIS}/Drives"
_ACTION = "Drive.SecureErase"
_MOST_PASSES = 7


def actions(bmc: Bmc, drive: Drive, path: str) -> Json:
    """No action at all for a drive that has no such command (DSP0268, Drive v1.15)."""
    kinds = list(drive.model.erases)
    if not kinds:
        return {}
    inline = {"SanitizationType@Redfish.AllowableValues": kinds} if bmc.quirks.erase_kinds_inline else {}
    return {
        f"#{_ACTION}": {
            "target": f"{path}/Actions/{_ACTION}",
            "@Redfish.ActionInfo": f"{path}/SecureEraseActionInfo",
            **inline,
        }
    }


def operations(bmc: Bmc, drive: Drive) -> list[Json]:
    """The erase that runs now; without a task where the BMC has forgotten it over a restart."""
    erasure = bmc.machine.drives.erasure(drive)
    if erasure is None or erasure.state != "Running":
        return []
    tasks = [
        task
        for task in bmc.tasks.all()
        if task.work == "erase"
        and (task.arguments["serial"], task.arguments["number"]) == (drive.serial, erasure.number)
    ]
    shown: Json = {
        "Operation": "Sanitize",
        "OperationName": f"{erasure.method} of {drive.name}",
        "PercentageComplete": erasure.percent,
    }
    return [{**shown, "AssociatedTask": link(f"{ROOT}/TaskService/Tasks/{task.id}")} for task in tasks] or [shown]


@reads(f"{DRIVES}/{{drive}}/SecureEraseActionInfo")
def action_info(bmc: Bmc, drive: str) -> Json:
    part: Drive = chosen(bmc.parts.drives, "Drive", drive)
    if not part.model.erases:
        raise missing("ActionInfo", "SecureEraseActionInfo")
    kinds = list(part.model.erases)
    parameters: list[Json] = [
        {"Name": "SanitizationType", "Required": True, "DataType": "String", "AllowableValues": kinds}
    ]
    if "Overwrite" in kinds:
        passes = {"DataType": "Number", "MinimumValue": 1, "MaximumValue": _MOST_PASSES}
        parameters.append({"Name": "OverwritePasses", "Required": False, **passes})
    return {
        "@odata.type": kind("ActionInfo"),
        "Id": "SecureEraseActionInfo",
        "Name": "Secure Erase Action Info",
        "Parameters": parameters,
    }


@writes("POST", f"{DRIVES}/{{drive}}/Actions/{_ACTION}", privilege=COMPONENTS)
def secure_erase(bmc: Bmc, call: Call, drive: str) -> Answer:
    """Refused at once by a drive that is off, busy or frozen; else a task, or 204 where the profile has it so."""
    part: Drive = chosen(bmc.parts.drives, "Drive", drive)
    if not part.model.erases:
        raise refuse(400, "ActionNotSupported", _ACTION)
    method, passes = _parameters(part, call.body)
    if bmc.machine.power.state != "On":
        raise refuse(409, "ResourceInStandby")
    running = bmc.machine.drives.erasure(part)
    if running and running.state == "Running":
        raise refuse(409, "ResourceInUse")
    try:
        erasure = bmc.machine.drives.begin_erase(part, method, passes)
    except EraseRefused as error:
        raise refuse(409, "ActionNotAllowed", f"{_ACTION} ({error})") from None
    if not bmc.quirks.erase_as_task:
        return Answer(204)
    arguments: Json = {"drive": part.name, "serial": part.serial, "number": erasure.number}
    return accepted_task(bmc.tasks.begin(f"{method} of {part.name}", "erase", arguments, call).id)


def _parameters(drive: Drive, body: Json) -> tuple[str, int]:
    for key in body:
        if key not in ("SanitizationType", "OverwritePasses"):
            raise refuse(400, "ActionParameterUnknown", _ACTION, key, properties=(key,))
    method: Any = body.get("SanitizationType")
    if method is None:
        raise refuse(400, "ActionParameterMissing", _ACTION, "SanitizationType")
    if not isinstance(method, str):
        raise refuse(400, "ActionParameterValueTypeError", method, "SanitizationType", _ACTION)
    if method not in drive.model.erases:
        raise refuse(400, "ActionParameterValueNotInList", method, "SanitizationType", _ACTION)
    # Passes are ignored where nothing is overwritten (DSP0268).
    passes = body.get("OverwritePasses", 1)
    return method, whole(1, _MOST_PASSES)("OverwritePasses", passes) if method == "Overwrite" else 1


@works("erase")
def _erase(bmc: Bmc, task: Task) -> Progress:
    """What the drive says of it."""
    drive = next((d for d in bmc.parts.drives if d.serial == task.arguments["serial"]), None)
    if drive is None:
        return _failed(task, f"{task.arguments['drive']} (it is gone)", task.percent)
    erasure = bmc.machine.drives.erasure(drive)
    if erasure is None or erasure.number != task.arguments["number"]:
        return _failed(task, f"{drive.name} (another erase took its place)", task.percent)
    if erasure.state == "Running":
        return Progress("Running", min(99, erasure.percent))
    if erasure.state == "Failed":
        return _failed(task, f"{drive.name} ({erasure.why})", erasure.percent)
    return Progress("Completed", 100)


def _failed(task: Task, who: str, percent: int) -> Progress:
    return Progress("Exception", percent, (message("UndeterminedFault", who),))
