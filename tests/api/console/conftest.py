"""The console as a browser sees it: cookies, forms with their hidden fields, redirects."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape

import httpx
import pytest

from domain.access import Role
from tests.api.conftest import Api
from tests.api.console.furnished import furnish

FIELD = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"')
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)


def forms_of(page: httpx.Response) -> dict[str, dict[str, str]]:
    """Each form's hidden fields by its address."""
    return {
        unescape(action): {name: unescape(value) for name, value in FIELD.findall(body)}
        for action, body in FORM.findall(page.text)
    }


@dataclass(frozen=True)
class Console:
    api: Api
    ids: Mapping[str, str]

    async def sign_in(self, role: Role, where: str = "fleet") -> None:
        self.api.http.cookies.clear()
        page = await self.get("/sign-in")
        fields = forms_of(page)["/console/sign-in"] | {"token": f"{role}-{where}"}
        answer = await self.api.http.post("/console/sign-in", data=fields)
        assert answer.status_code == 303, answer.text

    async def get(self, path: str) -> httpx.Response:
        return await self.api.http.get(f"/console{path}")

    async def send(self, page: str, action: str, **fields: str) -> httpx.Response:
        """Sends one of a page's own forms."""
        forms = forms_of(await self.get(page))
        return await self.api.http.post(f"/console{action}", data=forms[f"/console{action}"] | fields)

    async def form_token(self) -> str:
        """Every page's sign-out form has it."""
        return forms_of(await self.get("/findings"))["/console/sign-out"]["form_token"]


def _console(api: Api) -> Console:
    return Console(api, furnish(api.services, api.operations, api.findings, api.plans))


@pytest.fixture
def console(api: Api) -> Console:
    return _console(api)


@pytest.fixture
def live_console(live: Api) -> Console:
    """With a real Temporal."""
    made = _console(live)
    live.operations.prefix = f"op-{uuid.uuid4().hex[:8]}-"
    return made
