"""What is left of an onboarding, so that one with a kill in it can be held against one without."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from temporalio.client import Client

from domain.order import fabric_lock, server_lock
from domain.secret import CredentialSlot
from store.secret_files import SecretFiles
from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite

_ADDRESS = re.compile(r"\b127\.\d+\.\d+\.\d+\b")
VOLATILE = frozenset({"cf.ew_operation", "cf.ew_attestation"})
"""Names the operation and the site, which are others in each cell."""
OF_THE_KILL = frozenset({"bmc-killed", "bmc-started"})
SESSIONS = frozenset({"session-opened", "session-closed"})
"""Who reads again after a kill logs in once more, and a session that was cut off was never closed."""
FAILED_LOGIN = "login-failed"
FAILED_LOGINS_MOST = 1
"""Killed between keeping a new password and setting it, nobody knows which one the device has: the new one is tried once."""


@dataclass(frozen=True)
class Result:
    """Without what differs from one onboarding to the next. `changes`: each device's own log of what changed in it."""

    state: str
    reason: str
    steps: dict[str, str]
    records: dict[str, Any]
    findings: frozenset[tuple[str, str]]
    credentials: dict[str, tuple[bool, bool, bool]]
    """For each server: has a current secret, has none pending, and the BMC takes the current one."""
    evidence: Counter[tuple[str, ...]]
    """Kind and serial numbers of each entry."""
    changes: dict[str, Counter[str]]
    failed_logins: dict[str, int]


def result(product: Product, site: DeclaredSite, done: dict[str, Any]) -> Result:
    secrets = SecretFiles(Path(product.environment["EDGEWRIGHT_SECRETS_DIR"]))
    logs = {name: site.lab.changes(name) for name in (*site.servers, *site.lab.spec.switch_by_name)}
    return Result(
        state=done["state"],
        reason=common(done["outcome"]["reason"], site),
        steps={step["key"]: step["state"] for step in done["steps"]},
        records=recorded(product, site),
        findings=frozenset((f["kind"], common(f["object"], site)) for f in product.findings(site)),
        credentials={name: _credential(secrets, site, name) for name in site.servers},
        evidence=Counter(
            (entry["kind"], *entry["subjects"]) for entry in product.api.items("/v1/evidence", site=site.name)
        ),
        changes={name: changes(log, site) for name, log in logs.items()},
        failed_logins={name: sum(entry["what"] == FAILED_LOGIN for entry in log) for name, log in logs.items()},
    )


def recorded(product: Product, site: DeclaredSite) -> dict[str, Any]:
    kept = InventoryInFile(Path(product.environment["TEST_INVENTORY"])).kept(site.name)["records"]
    return {
        common(name, site): {
            field: common(value, site) for field, value in row["fields"].items() if field not in VOLATILE
        }
        for name, row in kept.items()
    }


def changes(log: list[dict[str, Any]], site: DeclaredSite) -> Counter[str]:
    """The lines, without their numbers and times; revisions of switches without their ids."""
    passed_over = OF_THE_KILL | SESSIONS | {FAILED_LOGIN}
    return Counter(
        json.dumps(common({k: v for k, v in entry.items() if k not in ("id", "at", "revision")}, site), sort_keys=True)
        for entry in log
        if entry["what"] not in passed_over
    )


def differences(left: Result, right: Result) -> list[str]:
    """Field by field, so that a failure can be read. Failed logins are counted, not compared."""
    told: list[str] = []
    for name, one in vars(left).items():
        other = getattr(right, name)
        if one == other or name == "failed_logins":
            continue
        if isinstance(one, dict):
            keys = sorted({*one, *other}, key=str)
            told += [
                f"{name} {key}: {one.get(key)} / {other.get(key)}" for key in keys if one.get(key) != other.get(key)
            ]
        else:
            told.append(f"{name}: {one} / {other}")
    return told + [
        f"{device}: {count} failed logins"
        for device, count in left.failed_logins.items()
        if count > right.failed_logins[device] + FAILED_LOGINS_MOST
    ]


async def activities_of(product: Product, site: DeclaredSite) -> set[str]:
    """What the newest onboarding of the site scheduled, children included, by Temporal's histories."""
    environment = product.environment
    client = await Client.connect(
        environment["EDGEWRIGHT_TEMPORAL_ADDRESS"], namespace=environment["EDGEWRIGHT_TEMPORAL_NAMESPACE"]
    )
    workflows = [
        fabric_lock(site.name),
        f"site/{site.name}/rack/r1",
        *(server_lock(site.name, s) for s in site.servers),
    ]
    return {
        event.activity_task_scheduled_event_attributes.activity_type.name
        for workflow in workflows
        for event in (await client.get_workflow_handle(workflow).fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    }


def _credential(secrets: SecretFiles, site: DeclaredSite, name: str) -> tuple[bool, bool, bool]:
    state = secrets.credential_state(site.name, name)
    if not state.has_current:
        return False, not state.has_pending, False
    login = secrets.credential(site.name, name, CredentialSlot.CURRENT)
    bmc = site.lab.redfish(name, user=login.username, password=login.password.get_secret_value())
    return True, not state.has_pending, bmc.get("/redfish/v1/Systems").status_code == 200


def common(value: Any, site: DeclaredSite) -> Any:
    """The same text whatever the site is called and wherever it is served."""
    if isinstance(value, str):
        value = _ADDRESS.sub(lambda found: str(IPv4Address(found[0]) - site.lab.options.address_offset), value)
        return value.replace(site.name, "<site>")
    if isinstance(value, dict):
        return {common(key, site): common(item, site) for key, item in value.items() if key not in ("since", "at")}
    if isinstance(value, list):
        return [common(item, site) for item in value]
    return value
