"""Firmware versions, and the two ways to a new one: from a URL, or sent along."""

import re
from typing import Any
from urllib.parse import urlsplit

from lab.virtual.bmc.checks import anything, checked, flag, one_of, text, texts
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.fetching import LARGEST, Source
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.messages import Problem, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.systems import accepted_task
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import CHASSIS, MANAGER, ROOT, SYSTEM
from lab.virtual.bmc.updating import INVENTORY, ImageRefused, begin_from, begin_with, check, running

SERVICE = f"{ROOT}/UpdateService"
PUSH = f"{SERVICE}/update-multipart"
_SIMPLE = "UpdateService.SimpleUpdate"
_APPLY_TIMES = ("Immediate", "OnReset")
_APPLY = "@Redfish.OperationApplyTime"


def _components(bmc: Bmc) -> list[str]:
    bmc.require_inventory()
    return list(bmc.parts.firmware)


collection(INVENTORY, "SoftwareInventory", "Firmware Inventory", _components)


@reads(SERVICE)
def update_service(_bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("UpdateService"),
        "Id": "UpdateService",
        "Name": "Update Service",
        "ServiceEnabled": True,
        "FirmwareInventory": link(INVENTORY),
        "MaxImageSizeBytes": LARGEST,
        "MultipartHttpPushUri": PUSH,
        "Status": ok(),
        "Actions": {
            f"#{_SIMPLE}": {
                "target": f"{SERVICE}/Actions/{_SIMPLE}",
                "TransferProtocol@Redfish.AllowableValues": ["HTTP", "HTTPS"],
                "@Redfish.OperationApplyTimeSupport": {
                    "@odata.type": "#Settings.v1_3_5.OperationApplyTimeSupport",
                    "SupportedValues": list(_APPLY_TIMES),
                },
            }
        },
    }


@reads(f"{INVENTORY}/{{component}}")
def component(bmc: Bmc, component: str) -> Json:
    bmc.require_inventory()
    version = bmc.parts.firmware.get(component)
    if version is None:
        raise missing("SoftwareInventory", component)
    return {
        "@odata.type": kind("SoftwareInventory"),
        "Id": component,
        "Name": f"{component} firmware",
        "SoftwareId": component,
        "Version": version,
        "Updateable": True,
        "RelatedItem": links(_related(bmc, component)),
        "RelatedItem@odata.count": len(_related(bmc, component)),
        "Status": ok(),
    }


def _related(bmc: Bmc, component: str) -> list[str]:
    if component == "BMC":
        return [MANAGER]
    if component == "BIOS":
        return [f"{SYSTEM}/Bios"]
    if component.startswith("GPU"):
        return [f"{SYSTEM}/Processors/{component}"]
    if component.startswith("NVMe"):
        return [f"{CHASSIS}/Drives/{component}"]
    if any(adapter.name == component for adapter in bmc.parts.adapters):
        return [f"{CHASSIS}/NetworkAdapters/{component}"]
    return [CHASSIS]


@writes("POST", f"{SERVICE}/Actions/{_SIMPLE}", privilege=MANAGE)
def simple_update(bmc: Bmc, call: Call) -> Answer:
    """202 at once: what is wrong with the image is said by the task, which fetches it."""
    writable: dict[str, Any] = {
        "ImageURI": text(1024, shortest=1),
        "TransferProtocol": one_of("HTTP", "HTTPS"),
        "Targets": texts(),
        "Username": text(),
        "Password": text(),
        "ForceUpdate": flag,
        _APPLY: one_of(*_APPLY_TIMES),
    }
    body = checked(call.body, writable, readable=set())
    if "ImageURI" not in body:
        raise refuse(400, "ActionParameterMissing", _SIMPLE, "ImageURI", properties=("ImageURI",))
    # Without a scheme the protocol says it (DSP0268, SimpleUpdate).
    url = str(body["ImageURI"])
    if "://" not in url and "TransferProtocol" in body:
        url = f"{body['TransferProtocol'].lower()}://{url}"
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise refuse(400, "ActionParameterValueFormatError", url, "ImageURI", _SIMPLE, properties=("ImageURI",))
    wanted = _targets(bmc, body.get("Targets", []))
    _require_idle(bmc)
    source = Source(url, str(body.get("Username", "")), str(body.get("Password", "")))
    return accepted_task(begin_from(bmc, call, source, wanted, at_once=_at_once(body)).id)


@writes("POST", PUSH, privilege=MANAGE, form="UpdateParameters")
def push_update(bmc: Bmc, call: Call) -> Answer:
    """The image is here, so a wrong one is refused at once and nothing begins."""
    writable = {"Targets": texts(), "ForceUpdate": flag, _APPLY: one_of(*_APPLY_TIMES), "Oem": anything}
    body = checked({"Targets": [], **call.body}, writable, readable=set())
    if "UpdateFile" not in call.files:
        raise refuse(400, "MissingOrMalformedPart")
    name, raw = call.files["UpdateFile"]
    wanted = _targets(bmc, body["Targets"])
    _require_idle(bmc)
    try:
        image, components = check(bmc, raw, name, wanted)
    except ImageRefused as error:
        raise Problem(400, error.message) from None
    return accepted_task(begin_with(bmc, call, image, components, name, at_once=_at_once(body)).id)


def _at_once(body: Json) -> bool:
    return body.get(_APPLY, "Immediate") == "Immediate"


def _require_idle(bmc: Bmc) -> None:
    if running(bmc):
        raise refuse(503, "Update.UpdateInProgress")


def _targets(bmc: Bmc, targets: list[Any]) -> list[str]:
    """Components by their resources' paths."""
    chosen: list[str] = []
    for target in targets:
        found = re.fullmatch(re.escape(INVENTORY) + r"/([^/]+)", str(target))
        if found is None or found[1] not in bmc.parts.firmware:
            raise refuse(400, "ActionParameterValueNotInList", str(target)[:80], "Targets", _SIMPLE)
        chosen.append(found[1])
    return chosen
