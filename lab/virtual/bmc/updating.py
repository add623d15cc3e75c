"""One firmware update of a BMC: fetched, checked, installed, and in force after the restart that the component needs."""

import asyncio
from typing import Any

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.fetching import Source, Unfetched, fetch
from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import message
from lab.virtual.bmc.routing import Call
from lab.virtual.bmc.tasks import Progress, Task, works
from lab.virtual.bmc.tree import MANAGER, ROOT, SYSTEM
from lab.virtual.firmware import Image, ImageDamaged, unpack

INVENTORY = f"{ROOT}/UpdateService/FirmwareInventory"
INSTALL_S = 30.0
RESTART_AFTER_S = 2.0
"""From the end of the task to the BMC's own restart: long enough to read the outcome once."""
UPDATE_FAULT = "firmware-update-fails"
_HALF = 50
_RESETS = {
    "BMC": (f"{MANAGER}/Actions/Manager.Reset", "GracefulRestart"),
    "BIOS": (f"{SYSTEM}/Actions/ComputerSystem.Reset", "ForceRestart"),
}


class ImageRefused(Exception):
    """`key` and `arguments` are of the Update registry."""

    def __init__(self, key: str, *arguments: str) -> None:
        super().__init__(key)
        self.message = message(f"Update.{key}", *arguments)


def made_for(bmc: Bmc, component: str) -> tuple[str, str]:
    """Which images fit a component: kind and model, as `lab.virtual.firmware` names them."""
    parts = bmc.parts
    kinds = (("GPU", parts.gpus), ("Drive", parts.drives), ("Adapter", parts.adapters))
    for kind, items in kinds:
        for item in items:
            if item.name == component:
                return kind, item.model.model
    return component, bmc.machine.model.model


def check(bmc: Bmc, raw: bytes, name: str, wanted: list[str]) -> tuple[Image, list[str]]:
    """The image and the components that get it. Raises `ImageRefused`: damaged, or for other hardware."""
    try:
        image = unpack(raw)
    except ImageDamaged:
        raise ImageRefused("VerificationFailed", name, ", ".join(wanted) or "the update service") from None
    fitting = [c for c in bmc.parts.firmware if made_for(bmc, c) == (image.component, image.model)]
    for component in wanted:
        if component not in fitting:
            raise ImageRefused("UpdateNotApplicable", name, f"{INVENTORY}/{component}")
    if not fitting:
        raise ImageRefused("NoTargetsDetermined", name)
    return image, wanted or fitting


def running(bmc: Bmc) -> bool:
    return any(task.work == "update" and not task.done for task in bmc.tasks.all())


def begin_with(bmc: Bmc, call: Call, image: Image, components: list[str], name: str, *, at_once: bool) -> Task:
    """An update whose image is here already."""
    arguments = {"name": name, "at_once": at_once, **_installing(bmc, image, components)}
    return bmc.tasks.begin("Update", "update", arguments, call, state="Starting")


def begin_from(bmc: Bmc, call: Call, source: Source, wanted: list[str], *, at_once: bool) -> Task:
    """An update whose image is fetched first; the answer does not wait for it."""
    name = source.url.rsplit("/", 1)[-1]
    task = bmc.tasks.begin("Update", "update", {"name": name, "at_once": at_once}, call, state="New")
    fetching = asyncio.get_running_loop().create_task(_fetch(bmc, task, source, wanted))
    # Only this process knows that it fetches: after a kill nobody does, and the task says so.
    bmc.fetching[task.id] = fetching
    fetching.add_done_callback(lambda _: bmc.fetching.pop(task.id, None))
    return task


async def _fetch(bmc: Bmc, task: Task, source: Source, wanted: list[str]) -> None:
    name, target = str(task.arguments["name"]), ", ".join(wanted) or "the update service"
    task.arguments["fetching"] = True
    try:
        image, components = check(bmc, await fetch(bmc, source), name, wanted)
    except Unfetched as error:
        reason = message(error.key, *error.arguments)
        task.arguments["failed"] = [message("Update.TransferFailed", name, target), reason]
    except ImageRefused as error:
        task.arguments["failed"] = [error.message]
    else:
        task.arguments |= _installing(bmc, image, components)
    bmc.tasks.settle()


def _installing(bmc: Bmc, image: Image, components: list[str]) -> Json:
    return {"version": image.version, "components": components, "since": bmc.clock.time()}


@works("update")
def _update(bmc: Bmc, task: Task) -> Progress:
    told: dict[str, Any] = task.arguments
    if failed := told.get("failed"):
        return Progress("Exception", task.percent, tuple(failed))
    if "components" not in told:
        if task.id not in bmc.fetching:
            lost = message("Update.TransferFailed", told["name"], "the update service")
            return Progress("Exception", 0, (lost,))
        return Progress("Starting" if told.get("fetching") else "New", 0)
    targets: list[str] = told["components"]
    said: list[Json] = []
    if task.state != "Running":
        for key in ("TargetDetermined", "InstallingOnComponent"):
            said += [_about(key, told["name"], component) for component in targets]
    percent = min(100, int(100 * (bmc.clock.time() - told["since"]) / INSTALL_S))
    fault = bmc.world.faults.first(bmc.name, UPDATE_FAULT)
    if fault and percent >= (at := int(fault.arguments.get("at", _HALF))):
        bmc.world.faults.spend(fault)
        bmc.machine.note({"what": "firmware-failed", "components": targets, "at_percent": at, "by": "fault"})
        return Progress("Exception", at, (*said, *(_about("ApplyFailed", told["name"], c) for c in targets)))
    if percent < 100:
        return Progress("Running", percent, tuple(said))
    for component in targets:
        said += _finish(bmc, task, component)
    return Progress("Completed", 100, tuple(said))


def _finish(bmc: Bmc, task: Task, component: str) -> list[Json]:
    """BIOS and BMC run the new version after a restart, which a BMC does by itself unless told to wait; others at once."""
    told = task.arguments
    bmc.machine.stage(component, told["version"], by="update")
    if component not in _RESETS:
        bmc.machine.activate(component, by="update")
        return [_about("UpdateSuccessful", told["name"], component)]
    if component == "BMC" and told["at_once"]:
        bmc.clock.call_later(RESTART_AFTER_S, lambda: bmc.restart("update"))
    waiting = _about("AwaitToActivate", told["name"], component)
    return [waiting, message("ResetRequired", *_RESETS[component])]


def _about(key: str, image: str, component: str) -> Json:
    """The registry names the target first in some messages, the image in others."""
    target = f"{INVENTORY}/{component}"
    first = key in ("TargetDetermined", "UpdateSuccessful")
    return message(f"Update.{key}", *((target, image) if first else (image, target)))
