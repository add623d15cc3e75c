import json
import re
from datetime import timedelta
from html import unescape

import httpx
import pytest

from api.console.rendering import relative
from api.context import now
from domain.access import Role
from domain.inventory import DeviceState, InventoryUnreachable
from domain.lifecycle import Lifecycle
from domain.operation import OperationState
from tests.api.conftest import PLACES
from tests.api.console.conftest import Console, forms_of
from tests.api.console.furnished import RACK

PAGES = (
    "/", "/operations", "/operations/op-0001", "/operations/op-0000", "/findings", "/findings/fi-gpu", "/holds",
    "/evidence?site=lab-one-rack", "/evidence/ev-1", "/sites/lab-one-rack", "/sites/lab-one-rack/devices/r1-s02",
    "/sites/lab-one-rack/devices/gw-1", "/sites/lab-four-racks", "/sites/lab-one-ru", "/classes",
    "/classes/mgx-x86-4l40s", "/sites/lab-one-rack/evidence.jsonl",
)  # fmt: skip
NOT_OSLO = (
    "/operations/op-0001",
    "/findings/fi-gpu",
    "/evidence/ev-1",
    "/sites/lab-one-rack",
    "/evidence?site=lab-one-rack",
)


def words(page: httpx.Response) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


async def test_the_first_page_says_what_waits_for_whom_since_when_and_what_is_safe(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    said = words(await console.get("/"))
    waits = said[said.index("What waits for you") : said.index("Running now")]
    assert "Record in NetBox: NetBox refused 2 of 61 objects" in waits
    assert "12 min ago" in waits
    assert "Safe now: retry, skip, abandon." in waits
    assert "Seat or replace the GPU in slot 3" in waits
    assert "12 of 32 servers read" in said[said.index("Running now") :]
    assert "no connection to it could be made" in said, "Temporal is away here, and the page says so"


async def test_where_nothing_waits_the_first_page_says_so(console: Console) -> None:
    console.api.findings.kept.clear()
    for row in list(console.api.operations.rows):
        console.api.operations.change(row, state=OperationState.SUCCEEDED, waiting=())
    await console.sign_in(Role.VIEWER)
    said = words(await console.get("/"))
    assert "What waits for you nothing" in said
    assert "No operation runs." in said


async def test_an_ended_operation_waits_until_something_newer_did_the_same(console: Console) -> None:
    console.api.findings.kept.clear()
    console.api.operations.rows.pop(console.ids["blocked"])
    await console.sign_in(Role.OPERATOR)
    assert "Put the fourth GPU in, then retry." in words(await console.get("/"))
    draft = console.api.operations.get(console.ids["ended"])
    console.api.operations.rows["op-0009"] = draft.model_copy(
        update={"id": "op-0009", "state": OperationState.SUCCEEDED}
    )
    assert "Put the fourth GPU in, then retry." not in words(await console.get("/"))


async def test_the_sites_list_counts_servers_by_state(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    said = words(await console.get("/"))
    row = said[said.index("One rack at the edge lab-one-rack") :]
    assert "5 available 1 quarantined" in row[:200]
    assert "32 not recorded" in said


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_for_a_viewer_and_offers_nothing_to_change(console: Console, path: str) -> None:
    await console.sign_in(Role.VIEWER)
    page = await console.get(path)
    assert page.status_code == 200, page.text
    assert set(forms_of(page)) <= {"/console/sign-out"}


@pytest.mark.parametrize("where", sorted(PLACES))
async def test_a_page_out_of_scope_does_not_exist(console: Console, where: str) -> None:
    await console.sign_in(Role.ADMIN, where)
    reaches = PLACES[where].covers(RACK)
    for path in NOT_OSLO:
        answer = await console.get(path)
        assert answer.status_code == (200 if reaches else 404), (path, where)
    for path in ("/", "/operations", "/findings", "/holds"):
        answer = await console.get(path)
        assert answer.status_code == 200
        assert ("lab-one-rack" in answer.text or "lab-four-racks" in answer.text) == reaches, (path, where)


async def test_a_quarantined_servers_page_says_whether_mending_it_is_enough(console: Console) -> None:
    console.api.services.inventory.kept.append(  # pyright: ignore
        DeviceState(
            id=98, site=RACK.site, name="r1-s08", role="gpu-server", rack="r1", unit=20, lifecycle=Lifecycle.QUARANTINED,
            reasons=("the erase failed",),
        )
    )  # fmt: skip
    await console.sign_in(Role.VIEWER)
    mendable = words(await console.get("/sites/lab-one-rack/devices/r1-s02"))
    released = words(await console.get("/sites/lab-one-rack/devices/r1-s08"))
    assert "proves itself anew" in mendable
    assert "a person releases the server" in released
    assert "proves itself anew" not in released


async def test_what_others_wrote_is_shown_and_never_run(console: Console) -> None:
    evil = "<script>alert(1)</script>"
    console.api.services.inventory.kept.append(  # pyright: ignore
        DeviceState(
            id=99, site=RACK.site, name="r1-s09", role="gpu-server", rack="r1", unit=20, lifecycle=Lifecycle.QUARANTINED,
            reasons=(evil,), holder=f'"{evil}', hardware={evil: evil},
        )
    )  # fmt: skip
    finding = console.api.findings.kept["fi-gpu"]
    console.api.findings.kept["fi-gpu"] = finding.model_copy(
        update={"message": evil, "do": evil, "evidence": {"x": evil}}
    )
    row = console.ids["blocked"]
    wait = console.api.operations.get(row).waiting[0].model_copy(update={"reason": evil, "key": f'"><b>{evil}'})
    console.api.operations.change(row, waiting=(wait,), summary=evil, who=evil)
    await console.sign_in(Role.ADMIN)
    for path in (
        *PAGES[:-1],
        "/sites/lab-one-rack/devices/r1-s09",
        f"/operations?site={evil}",
        f"/findings?site={evil}&kind={evil}",
    ):
        page = await console.get(path)
        assert page.status_code == 200, path
        assert evil not in page.text, path
        assert page.text.count("<script") == 1, path


async def test_a_quarantined_server_says_why(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    said = words(await console.get("/sites/lab-one-rack/devices/r1-s02"))
    assert "slot 3 is empty" in said
    assert "EWL1R0002" in said


async def test_a_device_that_is_only_declared_is_shown_as_such(console: Console) -> None:
    console.api.services.inventory.kept.clear()  # pyright: ignore
    await console.sign_in(Role.VIEWER)
    said = words(await console.get("/sites/lab-one-rack/devices/r1-s01"))
    assert "not recorded" in said
    assert "onboarding records it" in said


async def test_a_plans_page_says_which_systems_nobody_observes(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    said = words(await console.get(f"/plans/{console.ids['plan']}"))
    assert "To know gm-1 (grandmaster, local-it) is recorded as declared, not observed" in said


async def test_without_netbox_the_pages_still_say_what_waits(console: Console) -> None:
    def unreachable(_: object) -> None:
        raise InventoryUnreachable(
            "NetBox at http://netbox.test does not answer.", do="Check it with edgewright status."
        )

    console.api.services.inventory.devices = unreachable  # pyright: ignore
    await console.sign_in(Role.OPERATOR)
    for path in ("/", "/sites/lab-one-rack", "/sites/lab-one-rack/devices/r1-s01"):
        page = await console.get(path)
        assert page.status_code == 200, path
        assert "NetBox at http://netbox.test does not answer." in words(page), path
    assert "Record in NetBox: NetBox refused 2 of 61 objects" in words(await console.get("/"))


async def test_an_unknown_page_is_a_page_that_says_what_to_do(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    page = await console.get("/sites/nowhere")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert "No site is called nowhere." in words(page)
    assert "List them: edgewright get sites" in words(page)
    assert "Back to the overview" in words(page)


async def test_the_evidence_bundle_is_the_apis_own(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    taken = await console.get("/sites/lab-one-rack/evidence.jsonl")
    same = await console.api.send("GET", "/v1/sites/lab-one-rack/evidence-bundle")
    assert taken.text == same.text
    assert json.loads(taken.text.splitlines()[0])["id"] == "ev-1"


async def test_links_lead_to_netbox_and_the_workflow(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    page = await console.get(f"/operations/{console.ids['blocked']}")
    assert 'href="http://ui.test/namespaces/' in page.text
    assert "/workflows/site%2Flab-one-rack%2Ffabric" in page.text
    assert 'href="http://netbox.test/dcim/devices/?site=lab-one-rack"' in page.text


def test_times_are_told_relative_to_now() -> None:
    at = now()
    assert relative(at - timedelta(seconds=90), at) == "90 s ago"
    assert relative(at - timedelta(minutes=125), at) == "2 h ago"
    assert relative(at + timedelta(minutes=3), at) == "in 3 min"
