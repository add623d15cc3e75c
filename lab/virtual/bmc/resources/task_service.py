"""Tasks and their monitors: 202 while they run, the outcome afterwards."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import collection, missing, reads
from lab.virtual.bmc.tasks import Task
from lab.virtual.bmc.tree import ROOT

SERVICE = f"{ROOT}/TaskService"

collection(f"{SERVICE}/Tasks", "Task", "Tasks", lambda bmc: [task.id for task in bmc.tasks.all()])


@reads(SERVICE)
def task_service(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("TaskService"),
        "Id": "TaskService",
        "Name": "Task Service",
        "ServiceEnabled": True,
        "CompletedTaskOverWritePolicy": "Oldest",
        "LifeCycleEventOnTaskStateChange": False,
        "DateTime": bmc.clock.stamp(),
        "Tasks": link(f"{SERVICE}/Tasks"),
        "Status": ok(),
    }


@reads(f"{SERVICE}/Tasks/{{task}}")
def task(bmc: Bmc, task: str) -> Json:
    return _shown(bmc, _task(bmc, task))


@reads(f"{SERVICE}/TaskMonitors/{{task}}")
def monitor(bmc: Bmc, task: str) -> Json:
    """The pipeline answers 202 while the task runs; this is what it shows either way."""
    return {**_shown(bmc, _task(bmc, task)), "@odata.id": f"{SERVICE}/Tasks/{task}"}


def _task(bmc: Bmc, number: str) -> Task:
    found = bmc.tasks.get(number)
    if found is None:
        raise missing("Task", number)
    return found


def _shown(bmc: Bmc, found: Task) -> Json:
    age_s = bmc.clock.time() - found.started
    answer: Json = {
        "@odata.type": kind("Task"),
        "Id": found.id,
        "Name": found.name,
        "TaskState": "Completed" if found.done else "Running",
        "TaskStatus": "OK",
        "PercentComplete": 100 if found.done else min(99, int(100 * age_s / max(found.takes_s, 0.001))),
        "StartTime": found.start,
        "Messages": found.messages,
        "TaskMonitor": f"{SERVICE}/TaskMonitors/{found.id}",
        "HidePayload": True,
    }
    if found.done:
        answer["EndTime"] = found.end
    return answer
