"""Virtual media: found by links under the system or a manager, put in, read back."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from clients.redfish.changing import action_of, settled, target_of
from clients.redfish.resource import Reader, Resource
from clients.redfish.wire import Answer, Wire
from domain.bmc_setup import MediaInserted, MediaNotInserted, MediaNotOffered, MediaUnreachable
from domain.model import Json
from domain.secret import Login

_OPTICAL = frozenset({"CD", "DVD"})
_INSERT, _EJECT = "VirtualMedia.InsertMedia", "VirtualMedia.EjectMedia"
_UNREACHABLE = ("CouldNotEstablishConnection", "InvalidURI", "SourceDoesNotSupportProtocol")


class Media:
    """The virtual CD drive of one system. `owners`: what may have it, the system first (since Redfish 2021.1)."""

    def __init__(self, wire: Wire, reader: Reader, owners: tuple[Resource, ...]) -> None:
        self._wire, self._reader, self._owners = wire, reader, owners

    def insert(self, image: str, login: Login | None) -> MediaInserted:
        """See `ServerMedia.insert_media`."""
        slot = self._slot()
        if _holds(slot, image):
            return MediaInserted(changed=False, slot=slot.path, image=image)
        if slot.flag("Inserted"):
            self._eject(slot)
        self._insert(slot, image, login)
        if not _holds(self._wire.get(slot.path), image):
            raise MediaNotInserted(
                f"{self._wire.endpoint} acknowledged {image} and its virtual CD drive does not hold it.",
                do="Nothing to do at first: it is tried again. If it stays, see whether somebody else uses the drive.",
            )
        return MediaInserted(changed=True, slot=slot.path, image=image)

    def eject(self) -> bool:
        """See `ServerMedia.eject_media`."""
        slot = self._slot()
        if not slot.flag("Inserted"):
            return False
        self._eject(slot)
        if self._wire.get(slot.path).flag("Inserted"):
            raise MediaNotInserted(
                f"{self._wire.endpoint} acknowledged the ejection and its drive still holds an image."
            )
        return True

    def _insert(self, slot: Resource, image: str, login: Login | None) -> None:
        # Only Image is required (DSP0268): some BMCs refuse what else they are given (Supermicro X11 and X12), others ask for
        # more, login data for a public image included (NVIDIA DGX). 2026-11-26, openstack/sushy, manager/virtual_media.py.
        body: dict[str, Json] = {"Image": image}
        if login is not None:
            self._wire.keep_secret(login.password)
            body |= {"UserName": login.username, "Password": login.password.get_secret_value()}
        usual: dict[str, Json] = {
            "TransferMethod": "Stream",
            "TransferProtocolType": urlsplit(image).scheme.upper(),
            "Inserted": True,
            "WriteProtected": True,
            "UserName": "none",
            "Password": "none",
        }
        target = target_of(self._wire, slot, _INSERT)
        answer = self._wire.send("POST", target, body)
        while asked := [name for name in usual if name not in body and _asks_for(answer, name)]:
            body |= {name: usual[name] for name in asked}
            answer = self._wire.send("POST", target, body)
        if answer.status >= 400 and answer.says(*_UNREACHABLE):
            raise MediaUnreachable(
                f"{self._wire.endpoint} cannot get {image}.",
                do="Check that the image's server runs and can be reached from the out-of-band network.",
            )
        settled(self._wire, answer, f"the insertion of {image}")

    def _eject(self, slot: Resource) -> None:
        settled(self._wire, self._wire.send("POST", target_of(self._wire, slot, _EJECT), {}), "the ejection")

    def _slot(self) -> Resource:
        for slot in self._slots():
            if _OPTICAL & set(slot.texts("MediaTypes")) and action_of(slot, _INSERT):
                # What a collection was expanded with may be older than this.
                return self._wire.get(slot.path)
        raise MediaNotOffered(
            f"{self._wire.endpoint} has no virtual CD drive.",
            do="Start the agent image over UEFI HTTP for this class, or license the BMC's virtual media.",
        )

    def _slots(self) -> Iterator[Resource]:
        for owner in self._owners:
            if link := owner.inner("VirtualMedia"):
                yield from self._reader.members(link)


def _asks_for(answer: Answer, parameter: str) -> bool:
    return answer.status == 400 and any(
        message.key in ("ActionParameterMissing", "PropertyMissing") and parameter in message.arguments
        for message in answer.messages
    )


def _holds(slot: Resource, image: str) -> bool:
    """Some BMCs show only the name of what they hold, not where it came from."""
    if slot.flag("Inserted") is False:
        return False
    shown = slot.text("Image")
    return shown == image or (not shown and slot.text("ImageName") == urlsplit(image).path.rsplit("/", 1)[-1])
