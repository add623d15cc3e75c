import httpx
import pytest

from domain.access import Role
from tests.api.console.conftest import Console, forms_of


async def test_without_a_session_every_page_leads_to_sign_in_and_back(console: Console) -> None:
    answer = await console.get("/operations?state=blocked")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in?next=/console/operations%3Fstate%3Dblocked"
    page = await console.api.http.get(answer.headers["Location"])
    fields = forms_of(page)["/console/sign-in"]
    signed = await console.api.http.post("/console/sign-in", data=fields | {"token": "viewer-fleet"})
    assert signed.headers["Location"] == "/console/operations?state=blocked"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test/", "//evil.test", "/console//evil.test", "/v1/tokens", "/console/\\evil"]
)
async def test_signing_in_never_leads_out_of_the_console(console: Console, elsewhere: str) -> None:
    page = await console.get("/sign-in")
    fields = forms_of(page)["/console/sign-in"] | {"token": "viewer-fleet", "next": elsewhere}
    answer = await console.api.http.post("/console/sign-in", data=fields)
    assert answer.headers["Location"] == "/console/"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Console) -> None:
    page = await console.get("/sign-in")
    fields = forms_of(page)["/console/sign-in"] | {"token": "viewer-fleet"}
    answer = await console.api.http.post("/console/sign-in", data=fields)
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("edgewright_session=")]
    words = {word.strip().lower() for word in cookie.split(";")}
    assert {"httponly", "samesite=lax", "path=/console", "max-age=43200"} <= words
    assert "viewer-fleet" not in cookie


async def test_a_wrong_token_signs_nobody_in(console: Console) -> None:
    page = await console.get("/sign-in")
    fields = forms_of(page)["/console/sign-in"] | {"token": "guess"}
    answer = await console.api.http.post("/console/sign-in", data=fields)
    assert answer.status_code == 401
    assert "unknown, expired or revoked" in answer.text
    assert "edgewright_session" not in console.api.http.cookies


async def test_nobody_is_signed_in_by_a_form_shown_to_somebody_else(console: Console) -> None:
    fields = forms_of(await console.get("/sign-in"))["/console/sign-in"] | {"token": "viewer-fleet"}
    console.api.http.cookies.clear()
    answer = await console.api.http.post("/console/sign-in", data=fields)
    assert answer.status_code == 403
    assert "edgewright_session" not in console.api.http.cookies


async def test_signing_out_ends_the_session_and_not_only_the_cookie(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    cookie = console.api.http.cookies["edgewright_session"]
    assert (await console.send("/findings", "/sign-out")).status_code == 303
    again = await console.api.http.get("/console/findings", headers={"Cookie": f"edgewright_session={cookie}"})
    assert again.status_code == 303
    assert [event.action for event in console.api.audit][-1] == "console.sign-out"


async def test_a_revoked_token_ends_its_sessions_at_once(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    assert (await console.get("/findings")).status_code == 200
    token = console.api.services.tokens.find(_digest("viewer-fleet"))
    assert token is not None
    console.api.services.tokens.revoke(token.id)
    assert (await console.get("/findings")).status_code == 303


async def test_the_session_is_kept_by_its_hash_only(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    cookie = console.api.http.cookies["edgewright_session"]
    kept = console.api.services.sessions.kept  # pyright: ignore
    assert _digest(cookie) in kept
    assert cookie not in str(kept)


async def test_a_session_is_no_token_for_the_api_and_a_token_no_session(console: Console) -> None:
    await console.sign_in(Role.ADMIN)
    assert (await console.api.http.get("/v1/sites")).status_code == 401
    console.api.http.cookies.clear()
    answer = await console.api.http.get("/console/findings", headers={"Authorization": "Bearer admin-fleet"})
    assert answer.status_code == 303


async def test_every_answer_carries_the_strict_headers(console: Console) -> None:
    await console.sign_in(Role.VIEWER)
    for path in ("/", "/sign-in", "/sites/nowhere", "/nothing/here", "/static/console.css"):
        answer: httpx.Response = await console.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_bare_address_leads_to_the_console(console: Console) -> None:
    for path in ("/", "/console"):
        assert (await console.api.http.get(path)).headers["Location"] == "/console/"


def _digest(secret: str) -> str:
    from domain.access import token_digest

    return token_digest(secret)
