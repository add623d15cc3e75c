"""Log services: the system's event log and the BMC's own, both read from the device's change log; and diagnostic dumps."""

from typing import Any

from lab.virtual.bmc.checks import action
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.resources.systems import accepted_task
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import MANAGER, SYSTEM

SYSTEM_LOG = f"{SYSTEM}/LogServices/EventLog"
MANAGER_LOG = f"{MANAGER}/LogServices/Journal"
MOST_SHOWN = 200
DIAGNOSTIC_S = 4.0
_SYSTEM_WORDS = {"power", "reset", "bios", "boot-override", "secure-boot", "mains", "booted", "erased", "erase-failed"}
_CRITICAL = {"mains", "account-locked"}

collection(f"{SYSTEM}/LogServices", "LogService", "System Logs", lambda _bmc: ["EventLog"])
collection(f"{MANAGER}/LogServices", "LogService", "BMC Logs", lambda _bmc: ["Journal"])


def _entries(bmc: Bmc, log: str) -> list[dict[str, Any]]:
    after = int(bmc.machine.kept(f"cleared-{log}", 0))
    changes = bmc.world.log.changes(bmc.name, after)
    chosen = [c for c in changes if (c["what"] in _SYSTEM_WORDS) == (log == "EventLog") and c["what"] != "load"]
    return chosen[-MOST_SHOWN:]


def _service(path: str, name: str) -> Json:
    return {
        "@odata.type": kind("LogService"),
        "Id": path.rpartition("/")[2],
        "Name": name,
        "LogEntryType": "Event",
        "OverWritePolicy": "WrapsWhenFull",
        "MaxNumberOfRecords": MOST_SHOWN,
        "ServiceEnabled": True,
        "Status": ok(),
        "Entries": link(f"{path}/Entries"),
        "Actions": {"#LogService.ClearLog": {"target": f"{path}/Actions/LogService.ClearLog"}},
    }


@reads(SYSTEM_LOG)
def system_log(_bmc: Bmc) -> Json:
    return _service(SYSTEM_LOG, "System Event Log")


@reads(MANAGER_LOG)
def manager_log(_bmc: Bmc) -> Json:
    answer = _service(MANAGER_LOG, "BMC Journal")
    answer["Actions"]["#LogService.CollectDiagnosticData"] = {
        "target": f"{MANAGER_LOG}/Actions/LogService.CollectDiagnosticData",
        "DiagnosticDataType@Redfish.AllowableValues": ["Manager"],
    }
    return answer


def _collection(bmc: Bmc, log: str, path: str) -> Json:
    entries = [_entry(log, path, entry) for entry in _entries(bmc, log)]
    return {
        "@odata.type": "#LogEntryCollection.LogEntryCollection",
        "Name": f"{log} Entries",
        "Members": entries,
        "Members@odata.count": len(entries),
    }


def _entry(log: str, path: str, entry: dict[str, Any]) -> Json:
    told = {key: value for key, value in entry.items() if key not in ("id", "at", "what")}
    words = ", ".join(f"{key} {value}" for key, value in told.items())
    return {
        "@odata.id": f"{path}/Entries/{entry['id']}",
        "@odata.type": kind("LogEntry"),
        "Id": str(entry["id"]),
        "Name": f"{log} entry {entry['id']}",
        "EntryType": "Event",
        "Severity": "Critical" if entry["what"] in _CRITICAL else "OK",
        "Created": entry["at"],
        "Message": f"{entry['what']}: {words}" if words else entry["what"],
        "MessageId": "ResourceEvent.1.3.ResourceChanged",
    }


@reads(f"{SYSTEM_LOG}/Entries")
def system_entries(bmc: Bmc) -> Json:
    return _collection(bmc, "EventLog", SYSTEM_LOG)


@reads(f"{MANAGER_LOG}/Entries")
def manager_entries(bmc: Bmc) -> Json:
    return _collection(bmc, "Journal", MANAGER_LOG)


@reads(f"{SYSTEM_LOG}/Entries/{{entry}}")
def system_entry(bmc: Bmc, entry: str) -> Json:
    return _one(bmc, "EventLog", SYSTEM_LOG, entry)


@reads(f"{MANAGER_LOG}/Entries/{{entry}}")
def manager_entry(bmc: Bmc, entry: str) -> Json:
    return _one(bmc, "Journal", MANAGER_LOG, entry)


def _one(bmc: Bmc, log: str, path: str, number: str) -> Json:
    for entry in _entries(bmc, log):
        if str(entry["id"]) == number:
            return _entry(log, path, entry)
    raise missing("LogEntry", number)


def _clear(bmc: Bmc, log: str, by: str) -> Answer:
    newest = max((entry["id"] for entry in bmc.world.log.changes(bmc.name)), default=0)
    bmc.machine.keep(f"cleared-{log}", newest)
    bmc.machine.note({"what": "log-cleared", "log": log, "by": by})
    return Answer(204)


@writes("POST", f"{SYSTEM_LOG}/Actions/LogService.ClearLog", privilege=MANAGE)
def clear_system_log(bmc: Bmc, call: Call) -> Answer:
    return _clear(bmc, "EventLog", call.user)


@writes("POST", f"{MANAGER_LOG}/Actions/LogService.ClearLog", privilege=MANAGE)
def clear_manager_log(bmc: Bmc, call: Call) -> Answer:
    return _clear(bmc, "Journal", call.user)


@writes("POST", f"{MANAGER_LOG}/Actions/LogService.CollectDiagnosticData", privilege=MANAGE)
def collect_diagnostic_data(bmc: Bmc, call: Call) -> Answer:
    """A task of a few seconds; the dump is noted in the journal."""
    allowed = {"DiagnosticDataType": ("Manager",)}
    action(call.body, "LogService.CollectDiagnosticData", allowed, required=("DiagnosticDataType",))

    takes: Json = {"takes_s": DIAGNOSTIC_S, "note": {"what": "diagnostic-data", "by": call.user}}
    return accepted_task(bmc.tasks.begin("Collect diagnostic data", "wait", takes, call).id)
