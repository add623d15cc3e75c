"""The activities that workflows call, with their human titles: a static table by activity type."""

from collections.abc import Mapping

from domain.acceptance_report import ImportReportOrder, ReportImported
from domain.evidence import Appended, EvidenceBatch
from domain.finding import Report, Reported
from domain.fleet import FleetSites, FleetWindow, StateLimits, StatesWatched
from domain.hold import HoldQuery, Holds
from domain.onboarding import (
    Attested,
    AuditReport,
    Discovered,
    DiscoverOrder,
    Judged,
    JudgeOrder,
    KnownRead,
    LoadOrder,
    NameOrder,
    Opened,
    Planned,
    PlanOrder,
    ReadKnownOrder,
    ReadSwitchesOrder,
    Recorded,
    RecordOrder,
    Scanned,
    ScanOrder,
    ServerRead,
    ServerTask,
    SiteRef,
    SwitchesRead,
    TakeSwitchesOrder,
)
from domain.operation import (
    EndOrder,
    OpenOrder,
    Operation,
    PlanRecord,
    ProgressRecord,
    Taken,
    TakeOrder,
    WaitingRecord,
)
from domain.system_observation import ObserveSystemsOrder, SystemsObserved
from workflows.activity import Activity
from workflows.policies import ACCOUNTS, BMC, INVENTORY, LOGIN, SCAN, STORE

OPEN_OPERATION = Activity("open_operation", "Open a row for the scheduled run", OpenOrder, Operation, STORE)
TAKE_OPERATION = Activity("take_operation", "Take the operation", TakeOrder, Taken, STORE)
RECORD_PLAN = Activity("record_plan", "Write down what it will do", PlanRecord, Operation, STORE)
RECORD_PROGRESS = Activity("record_progress", "Write down how far it is", ProgressRecord, Operation, STORE)
RECORD_WAITING = Activity("record_waiting", "Write down why it waits", WaitingRecord, Operation, STORE)
END_OPERATION = Activity("end_operation", "Write down how it ended", EndOrder, Operation, STORE)
READ_HOLDS = Activity("read_holds", "Look for holds", HoldQuery, Holds, STORE)
REPORT_FINDINGS = Activity("report_findings", "Report findings", Report, Reported, STORE)
IMPORT_ACCEPTANCE_REPORT = Activity(
    "import_acceptance_report", "Import the installer's acceptance report", ImportReportOrder, ReportImported, STORE
)
KEEP_ATTESTATIONS = Activity("keep_attestations", "Keep what attests new servers", RecordOrder, Attested, STORE)
RECORD_EVIDENCE = Activity("record_evidence", "Keep the evidence", EvidenceBatch, Appended, STORE)

LOAD_SITE = Activity("load_site", "Load the declaration", LoadOrder, SiteRef, STORE)
REACH_OUT_OF_BAND = Activity("reach_out_of_band", "Reach the out-of-band network", ScanOrder, Scanned, SCAN)
DISCOVER_DEVICES = Activity("discover_devices", "Discover BMCs and switches", DiscoverOrder, Discovered, SCAN)
TAKE_OVER_SWITCHES = Activity(
    "take_over_switches", "Take over the switches' credentials", TakeSwitchesOrder, SwitchesRead, ACCOUNTS, settles=True
)
NAME_BMCS = Activity("name_bmcs", "Ask unknown BMCs who they are", NameOrder, Discovered, SCAN)
READ_SWITCHES = Activity("read_switches", "Read the switches", ReadSwitchesOrder, SwitchesRead, LOGIN)
OBSERVE_SYSTEMS = Activity("observe_systems", "Observe the other systems", ObserveSystemsOrder, SystemsObserved, SCAN)
TAKE_OVER_CREDENTIALS = Activity(
    "take_over_credentials", "Take over the BMC's credentials", ServerTask, Opened, LOGIN, settles=True
)
READ_SERVER = Activity("read_server", "Read hardware and firmware", ServerTask, ServerRead, BMC)
READ_KNOWN_SERVERS = Activity("read_known_servers", "Read the servers that know us", ReadKnownOrder, KnownRead, SCAN)
PLAN_SITE = Activity("plan_site", "Plan what would change", PlanOrder, Planned, INVENTORY)
AUDIT_SITE = Activity("audit_site", "Compare declaration, NetBox and devices", PlanOrder, AuditReport, INVENTORY)
JUDGE_RACK = Activity("judge_rack", "Compare with class and cabling", JudgeOrder, Judged, STORE)
RECORD_RACK = Activity("record_rack", "Record in NetBox", RecordOrder, Recorded, INVENTORY, settles=True)
RECORD_SITE = Activity("record_site", "Record the site in NetBox", RecordOrder, Recorded, INVENTORY, settles=True)

LIST_SITES = Activity("list_sites", "List the sites of the window", FleetWindow, FleetSites, STORE)
WATCH_STATES = Activity("watch_states", "Look for servers that stay too long", StateLimits, StatesWatched, INVENTORY)

TITLES: Mapping[str, str] = {call.name: call.title for call in tuple(vars().values()) if isinstance(call, Activity)}
"""What people call each activity, by its type: for whoever sees one from outside a workflow."""
