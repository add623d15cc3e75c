"""The console's pages of who did what, of server classes, and of tokens."""

import re

from domain.access import Place, Role
from domain.paging import PageRequest
from tests.api.console.conftest import Console
from tests.api.console.test_pages import words


async def test_the_audit_page_shows_who_did_what_and_is_an_operators(console: Console) -> None:
    await console.sign_in(Role.OPERATOR)
    said = words(await console.get("/audit"))
    assert "console.sign-in" in said
    assert "operator-fleet" in said
    none = words(await console.get("/audit?who=nobody"))
    assert "Nothing like that was done" in none
    await console.sign_in(Role.VIEWER)
    assert (await console.get("/audit")).status_code == 403
    assert "/console/audit" not in (await console.get("/")).text


async def test_classes_are_listed_and_shown_as_declared(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    assert "4 × L40S" in words(await console.get("/classes"))
    assert "Xeon" in words(await console.get("/classes/mgx-x86-4l40s"))
    assert (await console.get("/classes/nothing")).status_code == 404


async def test_an_admin_makes_a_token_sees_it_once_and_takes_it_back(console: Console) -> None:
    await console.sign_in(Role.ADMIN)
    made = await console.send("/tokens", "/tokens", label="night shift", role="operator", place="fleet", days="30")
    secret = re.search(r'<pre id="secret">(\S+)</pre>', made.text)
    assert secret is not None, made.text
    assert secret[1] not in (await console.get("/tokens")).text
    bearer = {"Authorization": f"Bearer {secret[1]}"}
    assert (await console.api.http.get("/v1/operations", headers=bearer)).status_code == 200

    token = next(t for t in console.api.services.tokens.list(Place(), PageRequest()).items if t.label == "night shift")
    revoked = await console.send("/tokens", f"/tokens/{token.id}/revoke")
    assert revoked.status_code == 303, revoked.text
    assert (await console.api.http.get("/v1/operations", headers=bearer)).status_code == 401


async def test_what_a_token_form_lacks_or_has_wrong_is_told(console: Console) -> None:
    await console.sign_in(Role.ADMIN)
    wrong = await console.send("/tokens", "/tokens", label="x", role="king", place="fleet", days="soon")
    assert wrong.status_code == 422
    assert "role" in words(wrong)
    assert "expires_in_days" in words(wrong)
    await console.sign_in(Role.OPERATOR)
    assert (await console.get("/tokens")).status_code == 403
