"""Virtual drives: under the manager or under the system, as the BMC's profile has it; insert and eject."""

from urllib.parse import urlsplit

from lab.virtual.bmc.checks import action
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.fetching import Source, Unfetched, fetch
from lab.virtual.bmc.json_types import Json, ok
from lab.virtual.bmc.messages import refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import MANAGER, SYSTEM
from lab.virtual.media import SLOTS

_INSERT, _EJECT = "VirtualMedia.InsertMedia", "VirtualMedia.EjectMedia"
_METHODS, _PROTOCOLS = ("Stream", "Upload"), ("HTTP", "HTTPS")
_PARAMETERS: dict[str, type] = {
    "Image": str,
    "Inserted": bool,
    "WriteProtected": bool,
    "UserName": str,
    "Password": str,
    "TransferMethod": str,
    "TransferProtocolType": str,
}


def _slot(slot: str) -> str:
    if slot not in SLOTS:
        raise missing("VirtualMedia", slot)
    return slot


def _shown(bmc: Bmc, slot: str, path: str) -> Json:
    held = bmc.machine.media.inserted(_slot(slot))
    image = held.get("image", "")
    return {
        "@odata.type": kind("VirtualMedia"),
        "Id": slot,
        "Name": f"Virtual {SLOTS[slot][0]}",
        "MediaTypes": list(SLOTS[slot]),
        "Image": image or None,
        "ImageName": urlsplit(image).path.rsplit("/", 1)[-1] or None,
        "Inserted": bool(held),
        "ConnectedVia": "URI" if held else "NotConnected",
        "WriteProtected": True,
        "UserName": held.get("user") or None,
        "Password": None,
        "TransferMethod": held.get("method") or None,
        "TransferProtocolType": urlsplit(image).scheme.upper() or None,
        "Status": ok(),
        "Actions": {
            f"#{_INSERT}": {
                "target": f"{path}/Actions/{_INSERT}",
                "TransferMethod@Redfish.AllowableValues": list(_METHODS),
                "TransferProtocolType@Redfish.AllowableValues": list(_PROTOCOLS),
            },
            f"#{_EJECT}": {"target": f"{path}/Actions/{_EJECT}"},
        },
    }


async def _insert(bmc: Bmc, call: Call, slot: str) -> Answer:
    """The image must be there; an occupied drive is refused, as bmcweb does."""
    for parameter in bmc.quirks.media_needs:
        if parameter not in call.body:
            raise refuse(400, "ActionParameterMissing", _INSERT, parameter, properties=(parameter,))
    source, method = _wanted(call.body)
    if bmc.machine.media.inserted(_slot(slot)):
        raise refuse(409, "ResourceAlreadyExists", "VirtualMedia", "Image", slot)
    try:
        await fetch(bmc, source, head=True)
    except Unfetched as error:
        raise refuse(400, error.key, *error.arguments) from None
    bmc.machine.media.insert(slot, source.url, user=source.user, method=method, by=call.user)
    return Answer(204)


def _wanted(body: Json) -> tuple[Source, str]:
    for key, value in body.items():
        if key not in _PARAMETERS:
            raise refuse(400, "ActionParameterUnknown", _INSERT, key, properties=(key,))
        if not isinstance(value, _PARAMETERS[key]):
            shown = "***" if key == "Password" else value
            raise refuse(400, "ActionParameterValueTypeError", shown, key, _INSERT, properties=(key,))
    if "Image" not in body:
        raise refuse(400, "ActionParameterMissing", _INSERT, "Image", properties=("Image",))
    image = str(body["Image"])
    scheme = urlsplit(image).scheme.lower()
    if scheme not in ("http", "https") or not urlsplit(image).hostname:
        raise refuse(400, "ActionParameterValueFormatError", image, "Image", _INSERT, properties=("Image",))
    for key, allowed in (("TransferMethod", _METHODS), ("TransferProtocolType", _PROTOCOLS)):
        if key in body and body[key] not in allowed:
            raise refuse(400, "ActionParameterValueNotInList", body[key], key, _INSERT, properties=(key,))
    if str(body.get("TransferProtocolType", scheme)).lower() != scheme:
        raise refuse(400, "ActionParameterValueConflict", "TransferProtocolType", body["TransferProtocolType"])
    for key in ("Inserted", "WriteProtected"):
        # An optical drive is never empty after an insertion, and never written to.
        if body.get(key) is False:
            raise refuse(400, "ActionParameterValueConflict", key, "false")
    source = Source(image, str(body.get("UserName", "")), str(body.get("Password", "")))
    return source, str(body.get("TransferMethod", "Stream"))


def _eject(bmc: Bmc, call: Call, slot: str) -> Answer:
    """Ejecting from an empty drive is no error."""
    action(call.body, _EJECT, {})
    bmc.machine.media.eject(_slot(slot), call.user)
    return Answer(204)


def _serve(owner: str) -> None:
    """Both places are registered; a BMC answers 404 at the one that its profile does not have."""
    base = f"{owner}/VirtualMedia"
    collection(base, "VirtualMedia", "Virtual Media", lambda _bmc: list(SLOTS))
    reads(f"{base}/{{slot}}")(lambda bmc, slot: _shown(bmc, slot, f"{base}/{slot}"))
    writes("POST", f"{base}/{{slot}}/Actions/{_INSERT}", privilege=MANAGE)(_insert)
    writes("POST", f"{base}/{{slot}}/Actions/{_EJECT}", privilege=MANAGE)(_eject)


_serve(MANAGER)
_serve(SYSTEM)
