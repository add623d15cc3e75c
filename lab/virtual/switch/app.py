"""The REST interface of one virtual switch: NGINX and nvued in front of a `SwitchDevice`.

`SwitchEndpoint.handle` answers one request of any aiohttp server; `create_switch_app` wraps it for a server of its own. Status
codes, parameters and their order of checking: reference ran.md 3.1 and 3.2.
"""

import asyncio
import base64
import binascii
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from lab.virtual.switch import faults as kinds
from lab.virtual.switch import operational
from lab.virtual.switch.accounts import READERS, PasswordRefused, masked, sealed
from lab.virtual.switch.defaults import completed, filled
from lab.virtual.switch.device import SwitchDevice
from lab.virtual.switch.entry import Entry
from lab.virtual.switch.revisions import NoSuchRevision, NotPossible
from lab.virtual.switch.trees import Tree, below, difference, included, lifted, merged, omitted, without

PREFIX = "/nvue_v1"
_PARAMETERS = ("rev", "filled", "diff", "view", "include", "omit", "filter_", "base_rev")
_READ_ONLY = ("platform",)
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


@dataclass(frozen=True)
class Ask:
    """One request, taken apart."""

    method: str
    path: tuple[str, ...]
    query: dict[str, list[str]]
    body: Any
    user: str

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def several(self, name: str) -> list[str]:
        return [pattern for value in self.query.get(name, []) for pattern in value.split(",") if pattern]


class SwitchEndpoint:
    """Answers for one switch."""

    def __init__(self, device: SwitchDevice) -> None:
        self.device = device

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Never raises; where a fault says so the connection is broken instead of answered."""
        raw = request.rel_url.raw_path
        if (broken := await self._before(request, raw)) is not None:
            return broken
        body: Any = None
        user = ""
        try:
            user = self._login(request)
            body = await _body(request)
            answer: Any
            status, answer = await self._answer(_ask(request, raw, body, user))
        except Refusal as refusal:
            status, answer = refusal.status, _problem(refusal.status, refusal.detail)
        device = self.device
        if not device.reachable:
            return self._unheard(request)  # it went away while it answered
        device.world.log.request(device.name, request.method, raw, status, user, body)
        if device.faults.any:
            if device.faults.wire("drop", request.method, raw, when="after"):
                return _break(request)
            if device.faults.wire("reboot", request.method, raw):
                device.restart()
                return _break(request)
        return _response(status, answer)

    async def _before(self, request: web.BaseRequest, path: str) -> web.StreamResponse | None:
        """Faults and outages that keep a request from being heard."""
        device, clock = self.device, self.device.world.clock
        if not device.reachable:
            return self._unheard(request)
        if not device.faults.any:
            return None
        method = request.method
        if device.faults.wire("refuse", method, path) or device.faults.wire("drop", method, path, when="before"):
            return self._unheard(request)
        if fault := device.faults.wire("stall", method, path):
            while device.faults.still(fault) and request.transport and not request.transport.is_closing():
                # A mended fault and a client that left are both only seen by looking.
                await clock.sleep(0.05 * clock.factor)
            return self._unheard(request)
        if fault := device.faults.wire("slow", method, path):
            await clock.sleep(max(0.0, kinds.number(fault, "seconds", 1)))
        if fault := device.faults.wire("error", method, path):
            status = int(kinds.number(fault, "status", 503))
            device.world.log.request(device.name, request.method, request.rel_url.raw_path, status)
            return _response(status, _problem(status, "fault"))
        return None

    def _unheard(self, request: web.BaseRequest) -> web.StreamResponse:
        self.device.world.log.request(self.device.name, request.method, request.rel_url.raw_path, 0)
        return _break(request)

    def _login(self, request: web.BaseRequest) -> str:
        """The user; 401 without a login, 403 for everything while the factory password is set, and for a reader who writes."""
        user, password = _basic(request.headers.get("Authorization", ""))
        role = self.device.accounts.role(self.device.applied, user, password)
        if role is None:
            raise Refusal(401, "Authorization Required")
        if self.device.factory_locked:
            raise Refusal(403, "The factory password must be changed at the first login.")
        if request.method != "GET" and role in READERS:
            raise Refusal(403, f"Denying '{user}' from performing {request.method}: insufficient privileges")
        return user

    async def _answer(self, ask: Ask) -> tuple[int, Any]:
        for name in ask.query:
            if name not in _PARAMETERS:
                raise Refusal(400, f"Unknown query parameter '{name}'.")
        try:
            if ask.path[:1] == ("revision",):
                return self._revision(ask)
            match ask.method:
                case "GET":
                    if not ask.path or ask.path[0] in operational.SEEN:
                        await self.device.body.sight.look()
                    if (not ask.path or ask.path[0] in operational.LEARNED) and "applied" not in ask.query.get(
                        "rev", ()
                    ):
                        await self.device.body.routing.look()
                    return 200, self._show(ask)
                case "PATCH":
                    return 200, await self._patch(ask)
                case "DELETE":
                    return self._unset(ask)
                case _:
                    raise Refusal(405, f"{ask.method} is not possible here.")
        except NoSuchRevision as error:
            raise Refusal(404, f"Revision '{error}' does not exist.") from None
        except NotPossible as error:
            raise Refusal(error.status, str(error)) from None
        except PasswordRefused as error:
            raise Refusal(400, str(error)) from None

    # -- revisions -----------------------------------------------------------------------------------------------

    def _revision(self, ask: Ask) -> tuple[int, Any]:
        revisions, now = self.device.revisions, self.device.settle()
        *_, revision_id = ask.path
        if len(ask.path) == 1:
            if ask.method == "GET":
                return 200, self._all_revisions()
            if ask.method == "POST":
                entry = revisions.create(now, ask.user, ask.one("base_rev", "applied"))
                return 200, {entry.id: entry.document()}
            raise Refusal(405, f"{ask.method} is not possible here.")
        if len(ask.path) > 2:
            raise Refusal(404, "A revision has no such part; slashes in an id are written %2F.")
        match ask.method:
            case "GET":
                document = revisions.entry(revision_id).document()
                # The documents show it both ways; older releases answer it below its id.
                return 200, document if self._since(5, 10) else {revision_id: document}
            case "PATCH":
                return 200, self._move(revision_id, ask, now).document()
            case "DELETE":
                revisions.delete(revision_id)
                return self._gone()
            case _:
                raise Refusal(405, f"{ask.method} is not possible here.")

    def _all_revisions(self) -> Tree:
        revisions = self.device.revisions
        shown: Tree = {
            "applied": revisions.entry("applied").document(),
            "startup": revisions.entry("startup").document(),
        }
        return shown | {key: entry.document() for key, entry in revisions.entries.items()}

    def _move(self, revision_id: str, ask: Ask, now: float) -> Entry:
        if not isinstance(ask.body, dict) or not isinstance(ask.body.get("state"), str):
            raise Refusal(400, "A revision is changed by its 'state'.")
        known = ("state", "auto-prompt", "state-controls", "message")
        if unknown := [key for key in ask.body if key not in known]:
            raise Refusal(400, f"Unknown key '{unknown[0]}' in a revision.")
        confirm = ask.body.get("state-controls", {}).get("confirm", 0)
        if not isinstance(confirm, int) or confirm < 0:
            raise Refusal(400, "state-controls.confirm is a number of seconds.")
        return self.device.revisions.change_state(revision_id, ask.body["state"], now, ask.body, ask.user)

    # -- trees ---------------------------------------------------------------------------------------------------

    def _show(self, ask: Ask) -> Any:
        shown = self._diff(ask) if "diff" in ask.query else self._value(ask)
        view, include, omit = ask.one("view"), ask.several("include"), ask.several("omit")
        if view and (include or omit):
            raise Refusal(400, "'view' cannot be combined with 'include' or 'omit'.")
        if view:
            if ask.path != ("interface",) or view not in operational.VIEWS:
                known = ", ".join(sorted(operational.VIEWS)) if ask.path == ("interface",) else "none"
                raise Refusal(400, f"Unknown view '{view}'. Known views: {known}.")
            include = list(operational.VIEWS[view])
        if include:
            shown = included(shown, include)
        if omit:
            shown = omitted(shown, omit)
        return _filtered(shown, ask.several("filter_"))

    def _diff(self, ask: Ask) -> Any:
        old, new = self._tree(ask.one("rev", "applied")), self._tree(ask.one("diff"))
        shown = difference(old, new)
        for patch in self.device.faults.foreign("after-diff"):
            self.device.apply_foreign(patch)
        for key in ask.path:
            shown = shown.get(key) or {} if isinstance(shown, dict) else {}
        return _shown_diff(shown, ask.path)

    def _value(self, ask: Ask) -> Any:
        """Without `rev` a collection such as /interface answers what is applied; /system, /platform and a view, and what only
        exists while it runs (counters, neighbours), answer what runs."""
        rev = ask.one("rev")
        runs = not rev and (ask.path[:1] in (("platform",), ("system",)) or "view" in ask.query)
        try:
            if runs or rev == "operational":
                return self._operational(ask.path)
            tree = self._tree(rev or "applied")
            return below(
                masked(filled(tree, self.device.words) if ask.one("filled", "true") != "false" else tree), ask.path
            )
        except KeyError:
            if not rev and not runs:
                with contextlib.suppress(KeyError):
                    return self._operational(ask.path)
            raise Refusal(404, f"The requested item does not exist: /{'/'.join(ask.path)}") from None

    def _operational(self, path: Sequence[str]) -> Any:
        self.device.settle()
        keys = path[:1] or (*operational.SECTIONS, *self.device.applied)
        tree: Tree = {}
        for key in dict.fromkeys(keys):
            if (section := operational.section(self.device, key)) is not None:
                tree[key] = section
        return below(masked(tree), path)

    def _tree(self, revision_id: str) -> Tree:
        self.device.settle()
        if revision_id == "operational":
            return self._operational(())
        return self.device.revisions.tree(revision_id)

    async def _patch(self, ask: Ask) -> Any:
        if not isinstance(ask.body, dict):
            raise Refusal(400, "The body is a JSON object.")
        revision_id = self._edited(ask)
        patch: Tree = lifted(ask.body, ask.path)
        schema = await asyncio.to_thread(lambda: self.device.schema)
        if unknown := schema.unknown_keys(patch):
            raise Refusal(400, f"config_invalid: unknown key at {', '.join(p.location for p in unknown)}")
        patch = sealed(completed(patch), plain=self._since(5, 7))
        now = self.device.settle()
        before = self.device.revisions.tree(revision_id)
        changed = self.device.revisions.edit(revision_id, lambda tree: merged(tree, patch), now)
        if self._since(5, 10):
            return _shown_diff(_reached(changed, ask.path), ask.path)
        return below(masked(merged(before, patch)), ask.path)

    def _unset(self, ask: Ask) -> tuple[int, Any]:
        revision_id = self._edited(ask)
        now = self.device.settle()
        self.device.revisions.edit(revision_id, lambda tree: without(tree, ask.path), now)
        return self._gone()

    def _edited(self, ask: Ask) -> str:
        revision_id = ask.one("rev")
        if not revision_id:
            raise Refusal(400, "'rev' names the revision to change.")
        if revision_id in ("applied", "startup", "operational"):
            raise Refusal(400, f"'{revision_id}' cannot be changed: create a revision.")
        if ask.path and ask.path[0] in _READ_ONLY:
            raise Refusal(400, f"/{ask.path[0]} cannot be changed.")
        self.device.revisions.entry(revision_id)
        return revision_id

    def _gone(self) -> tuple[int, Any]:
        return (204, None) if self._since(5, 10) else (200, {})

    def _since(self, *release: int) -> bool:
        return self.device.words >= release


def _shown_diff(shown: Any, path: Sequence[str]) -> Any:
    """A difference as it may be seen: hashes masked wherever the path has led."""
    try:
        return below(masked(lifted(shown, path)), path)
    except KeyError:
        return {}


def _reached(changed: Tree, path: Sequence[str]) -> Any:
    try:
        return below(changed, path)
    except KeyError:
        return {}


def _filtered(shown: Any, filters: Sequence[str]) -> Any:
    """`filter_=type=swp`: entries of a collection by one of their leaves."""
    for condition in filters:
        key, _, wanted = condition.partition("=")
        if isinstance(shown, dict):
            shown = {k: v for k, v in shown.items() if isinstance(v, dict) and str(v.get(key)) == wanted}
    return shown


def _ask(request: web.BaseRequest, raw: str, body: Any, user: str) -> Ask:
    if raw != PREFIX and not raw.startswith(f"{PREFIX}/"):
        raise Refusal(404, "The API is below /nvue_v1.")
    query: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        query.setdefault(name, []).append(value)
    path = tuple(unquote(part) for part in raw.removeprefix(PREFIX).split("/") if part)
    return Ask(request.method, path, query, body, user)


async def _body(request: web.BaseRequest) -> Any:
    content = await request.read()
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except ValueError:
        raise Refusal(400, "The body is no JSON.") from None


def _basic(header: str) -> tuple[str, str]:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _problem(status: int, detail: str) -> Tree:
    return {"type": "about:blank", "title": _TITLES.get(status, "Error"), "status": status, "detail": detail}


def _response(status: int, answer: Any) -> web.Response:
    headers = {"Server": "nginx"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="nvue"'
    if status == 204:
        return web.Response(status=204, headers=headers)
    return web.json_response(answer, status=status, headers=headers)


def _break(request: web.BaseRequest) -> web.StreamResponse:
    """Closes the connection without an answer; what is returned has nobody to go to."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def create_switch_app(device: SwitchDevice) -> web.Application:
    """An application of its own for one switch."""
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", SwitchEndpoint(device).handle)
    return app
