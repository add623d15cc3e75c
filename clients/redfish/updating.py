"""Firmware of one component: version, update by URL or by sending the image, watched by its task, version read back."""

import json

from clients.redfish.changing import action_of
from clients.redfish.resource import Reader, Resource
from clients.redfish.tasks import (
    ENDED_BADLY,
    TaskMonitor,
    has_message,
    last_message,
    message_arguments,
    place_of,
    request_of,
    tasks_since,
)
from clients.redfish.wire import Answer, Wire
from domain.beat import Beat
from domain.bmc import BmcRefused, BmcResourceMissing
from domain.bmc_work import (
    FirmwareFailed,
    FirmwareOrder,
    FirmwareRefused,
    FirmwareState,
    FirmwareUnchanged,
    FirmwareUnknown,
    ResetKind,
)
from domain.model import Json
from domain.secret import Login

_SIMPLE = "UpdateService.SimpleUpdate"
_POLL_S = 1.0


class Updates:
    """The update service of one BMC."""

    def __init__(self, wire: Wire, reader: Reader, root: Resource) -> None:
        self._wire, self._reader, self._root = wire, reader, root

    def update(self, order: FirmwareOrder, *, patience_s: float, beat: Beat, login: Login | None) -> FirmwareState:
        """See `ServerWork.update_firmware`."""
        service = self._service()
        item = self._item(service, order)
        before = item.text("Version")
        if before == order.version:
            return FirmwareState(component=order.component, before=before, version=before, changed=False)
        what = f"updating {order.component} to {order.version}"
        path = self._begun(service, item, order)
        if not path:
            path = self._begin(service, item, order, login, what)
        task = TaskMonitor(self._wire, path, what, _POLL_S).watch(patience_s, beat=beat)
        if task.text("TaskState") in ENDED_BADLY:
            said = self._wire.scrub(last_message(task).said)
            raise FirmwareFailed(
                f"{what.capitalize()} at {self._wire.endpoint} ended with {task.text('TaskState')}{said}.",
                do=last_message(task).resolution or "Look at the component, and try again.",
            )
        return self._outcome(order, item, before, task)

    def _outcome(self, order: FirmwareOrder, item: Resource, before: str, task: Resource) -> FirmwareState:
        """What runs now, read back; or which reset it waits for by the task's own messages."""
        version = self._wire.get(item.path).text("Version")
        if version == order.version:
            return FirmwareState(component=order.component, before=before, version=version, changed=True)
        if has_message(task, "ResetRequired") or has_message(task, "AwaitToActivate"):
            action = "".join(message_arguments(task, "ResetRequired")[:1])
            kind = ResetKind.BMC if "Manager.Reset" in action else ResetKind.HOST
            return FirmwareState(
                component=order.component, before=before, version=version, changed=True, needs_reset=kind
            )
        raise FirmwareUnchanged(
            f"{self._wire.endpoint} says that {order.component} is updated, and it still reads {version}, "
            f"not {order.version}.",
            do="Some components need a moment, some a full power cycle of the server.",
        )

    # Where

    def _service(self) -> Resource:
        link = self._root.inner("UpdateService")
        if not link:
            raise FirmwareUnknown(f"{self._wire.endpoint} has no update service.")
        return self._wire.get(link.path)

    def _item(self, service: Resource, order: FirmwareOrder) -> Resource:
        inventory = service.inner("FirmwareInventory")
        for reference in self._reader.members(inventory):
            if reference.text("Id") == order.component:
                return self._wire.get(reference.path)
        raise FirmwareUnknown(
            f"{self._wire.endpoint} lists no firmware called {order.component}.",
            do="Correct the baseline of the class: names are those of the BMC's firmware inventory.",
        )

    # What an earlier try began, or a new one

    def _begun(self, service: Resource, item: Resource, order: FirmwareOrder) -> str:
        targets = (action_of(service, _SIMPLE).text("target"), service.text("MultipartHttpPushUri"))
        for target in filter(None, targets):
            for task in tasks_since(self._reader, self._root, target, order.since):
                if item.path not in request_of(task).texts("Targets"):
                    continue
                return "" if task.text("TaskState") in ENDED_BADLY else task.path
        return ""

    def _begin(self, service: Resource, item: Resource, order: FirmwareOrder, login: Login | None, what: str) -> str:
        """The path to watch. Raises `FirmwareRefused`."""
        answer = self._push(service, item, order) if order.file is not None else self._pull(service, item, order, login)
        try:
            self._wire.judge(answer, what)
        except BmcResourceMissing as error:
            raise FirmwareUnknown(f"{self._wire.endpoint} cannot update {order.component}: {error.message}") from error
        except BmcRefused as error:
            raise FirmwareRefused(
                f"{what.capitalize()} was refused: {error.message}", do=error.do or "Check the image and its baseline."
            ) from error
        monitor = TaskMonitor.of(self._wire, answer, what)
        if monitor is None:
            raise FirmwareRefused(f"{self._wire.endpoint} answered {answer.status} to {what} and made no task of it.")
        return place_of(answer, monitor)

    def _pull(self, service: Resource, item: Resource, order: FirmwareOrder, login: Login | None) -> Answer:
        target = action_of(service, _SIMPLE).text("target")
        if not target:
            raise FirmwareUnknown(f"{self._wire.endpoint} fetches no images: it has no {_SIMPLE}.", do="Send the file.")
        body: dict[str, Json] = {"ImageURI": order.image, "Targets": [item.path]}
        if login is not None:
            self._wire.keep_secret(login.password)
            body |= {"Username": login.username, "Password": login.password.get_secret_value()}
        return self._wire.send("POST", target, body)

    def _push(self, service: Resource, item: Resource, order: FirmwareOrder) -> Answer:
        uri, file = service.text("MultipartHttpPushUri"), order.file
        if not uri or file is None:
            raise FirmwareUnknown(f"{self._wire.endpoint} takes no images: it has no MultipartHttpPushUri.")
        return self._wire.post_form(
            uri,
            {
                "UpdateParameters": ("parameters.json", json.dumps({"Targets": [item.path]}), "application/json"),
                "UpdateFile": (file.name, file.read_bytes(), "application/octet-stream"),
            },
        )
