"""The activities of the control queue that every operation uses: its row, holds, findings."""

from domain.finding import Report, Reported
from domain.hold import HoldQuery, Holds
from domain.operation import EndOrder, Operation, ProgressRecord, Taken, TakeOrder, WaitingRecord
from workflows.activity import Activity
from workflows.policies import STORE

TAKE_OPERATION = Activity("take_operation", "Take the operation", TakeOrder, Taken, STORE)
RECORD_PROGRESS = Activity("record_progress", "Write down how far it is", ProgressRecord, Operation, STORE)
RECORD_WAITING = Activity("record_waiting", "Write down why it waits", WaitingRecord, Operation, STORE)
END_OPERATION = Activity("end_operation", "Write down how it ended", EndOrder, Operation, STORE)
READ_HOLDS = Activity("read_holds", "Look for holds", HoldQuery, Holds, STORE)
REPORT_FINDINGS = Activity("report_findings", "Report findings", Report, Reported, STORE)
