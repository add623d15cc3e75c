"""Tasks and their monitors: 202 while they run, the outcome afterwards."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import collection, missing, reads
from lab.virtual.bmc.tasks import Task, payload
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
        "LifeCycleEventOnTaskStateChange": True,
        "DateTime": bmc.clock.stamp(),
        "Tasks": link(f"{SERVICE}/Tasks"),
        "Status": ok(),
    }


@reads(f"{SERVICE}/Tasks/{{task}}")
def task(bmc: Bmc, task: str) -> Json:
    return _shown(_task(bmc, task))


@reads(f"{SERVICE}/TaskMonitors/{{task}}")
def monitor(bmc: Bmc, task: str) -> Json:
    """The pipeline answers 202 while the task runs; this is what it shows either way."""
    return {**_shown(_task(bmc, task)), "@odata.id": f"{SERVICE}/Tasks/{task}"}


def _task(bmc: Bmc, number: str) -> Task:
    found = bmc.tasks.get(number)
    if found is None:
        raise missing("Task", number)
    return found


def _shown(found: Task) -> Json:
    answer: Json = {
        "@odata.type": kind("Task"),
        "Id": found.id,
        "Name": found.name,
        "TaskState": found.state,
        "TaskStatus": "Critical" if found.state == "Exception" else "OK",
        "PercentComplete": found.percent,
        "StartTime": found.start,
        "Messages": found.messages,
        "TaskMonitor": f"{SERVICE}/TaskMonitors/{found.id}",
        "HidePayload": False,
        "Payload": payload(found),
    }
    if found.done:
        answer["EndTime"] = found.end
    return answer
