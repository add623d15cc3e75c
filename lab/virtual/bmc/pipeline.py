"""From an HTTP request to an answer, in the order a BMC checks things: login, password change, existence, method, privilege."""

import asyncio
import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from lab.virtual.bmc import tree
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.forms import form_parts
from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import Problem, message, refuse
from lab.virtual.bmc.queries import applied, parse
from lab.virtual.bmc.resources.event_stream import stream_events
from lab.virtual.bmc.routing import LOGIN, NOBODY, Answer, Call, Files, Route, find
from lab.virtual.bmc.tasks import UNFINISHED
from lab.virtual.faults import Fault
from lab.virtual.wire_faults import matching

KNOWN_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
OPEN_PATHS = ("/redfish", "/redfish/v1", "/redfish/v1/odata", "/redfish/v1/$metadata")
SESSION_PATHS = ("/redfish/v1/SessionService/Sessions", "/redfish/v1/SessionService/Sessions/Members")
_UNSTABLE = ("DateTime", "DateTimeLocalOffset", "LastResetTime")
tree.load()


@dataclass(frozen=True)
class Actor:
    """Who asks, after authentication."""

    account: str = ""
    user: str = ""
    session: str = ""


async def handle(bmc: Bmc, request: web.BaseRequest) -> web.StreamResponse:
    """Answers one request, or breaks its connection where a fault says so. Everything is noted in the device's log."""
    path = unquote(request.path)
    actor, body, answer = Actor(), None, None
    faults, life = bmc.world.faults, bmc.life
    try:
        if faults.any_on(bmc.name):
            await _wait_out(bmc, request, path)
            if (fault := matching(faults, bmc.name, "drop", request.method, path)) and not _after(fault):
                return _broken(bmc, request, fault)
            if fault := matching(faults, bmc.name, "error", request.method, path):
                faults.spend(fault)
                raise refuse(int(fault.arguments.get("status") or 503), "InternalError")
        if bmc.quirks.slow_s:
            await bmc.clock.sleep(bmc.quirks.slow_s)
        raw = await request.read()
        if bmc.life != life:
            return _broken(bmc, request)
        actor = _authenticate(bmc, request, path)
        body, files = _body(request, raw, path)
        if _asks_for_stream(bmc, request, path):
            _require(bmc, actor, LOGIN, path)
            bmc.world.log.request(bmc.name, request.method, request.path_qs, 200, actor.user)
            return await stream_events(bmc, request)
        answer = await _dispatch(bmc, request, path, actor, body, files)
        if faults.any_on(bmc.name):
            if (fault := matching(faults, bmc.name, "drop", request.method, path)) and _after(fault):
                return _broken(bmc, request, fault)
            if fault := matching(faults, bmc.name, "reboot", request.method, path):
                bmc.restart("fault")
                return _broken(bmc, request, fault)
        if bmc.life != life:
            return _broken(bmc, request)
    except Problem as problem:
        answer = Answer(problem.status, problem.body(), dict(problem.headers))
    response = _response(bmc, request, answer)
    if path.startswith("/redfish") or answer.status >= 400:
        bmc.world.log.request(bmc.name, request.method, request.path_qs, answer.status, actor.user, body)
    return response


async def _wait_out(bmc: Bmc, request: web.BaseRequest, path: str) -> None:
    """A stalled request hangs until the fault is mended or the client has had enough; a slow one waits its time."""
    faults = bmc.world.faults
    if fault := matching(faults, bmc.name, "slow", request.method, path):
        faults.spend(fault)
        await bmc.clock.sleep(float(fault.arguments["seconds"]))
    if fault := matching(faults, bmc.name, "stall", request.method, path):
        bmc.world.log.request(bmc.name, request.method, path, 0)
        while fault in faults.on(bmc.name, "stall") and request.transport and not request.transport.is_closing():  # noqa: ASYNC110 (the mend or the client giving up, whichever is first)
            await asyncio.sleep(0.05)


def _after(fault: Fault) -> bool:
    return fault.arguments.get("when") == "after"


def _broken(bmc: Bmc, request: web.BaseRequest, fault: Fault | None = None) -> web.StreamResponse:
    """The connection breaks, by a fault or because the BMC died meanwhile."""
    bmc.world.log.request(bmc.name, request.method, request.path_qs, 0)
    if fault is not None:
        bmc.world.faults.spend(fault)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


# -- authentication ----------------------------------------------------------------------------------------------


def _authenticate(bmc: Bmc, request: web.BaseRequest, path: str) -> Actor:
    if request.method not in KNOWN_METHODS:
        raise refuse(501, "OperationNotAllowed")
    version = request.headers.get("OData-Version")
    if version not in (None, "4.0"):
        raise refuse(412, "HeaderInvalid", f"OData-Version: {version}")
    bare = path.rstrip("/") or "/"
    token = request.headers.get("X-Auth-Token")
    if request.method in ("GET", "HEAD") and bare in OPEN_PATHS and token is None:
        return Actor()
    if request.method == "POST" and bare in SESSION_PATHS:
        return Actor()
    if token is not None:
        session = bmc.sessions.used(token) if bmc.quirks.sessions else None
        if session is None:
            raise _unauthorized(bmc, "NoValidSession")
        actor = Actor(session.account, session.user, session.id)
    else:
        actor = _basic(bmc, request)
    account = bmc.accounts.all().get(actor.account)
    if account is None or not account["enabled"]:
        raise _unauthorized(bmc, "NoValidSession")
    if account["change_required"] and not _allowed_before_change(request.method, bare, actor):
        raise refuse(403, "PasswordChangeRequired", tree.account_path(actor.account))
    return actor


def _basic(bmc: Bmc, request: web.BaseRequest) -> Actor:
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or not bmc.quirks.basic:
        raise _unauthorized(bmc, "NoValidSession")
    try:
        user, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _unauthorized(bmc, "NoValidSession") from None
    account = bmc.accounts.verify(user, password) if colon else None
    if account is None:
        raise _unauthorized(bmc, "ResourceAtUriUnauthorized", request.path, "the credentials are not valid")
    return Actor(account["id"], account["user"])


def _unauthorized(bmc: Bmc, key: str, *arguments: object) -> Problem:
    problem = refuse(401, key, *arguments)
    if bmc.quirks.basic:
        problem.headers["WWW-Authenticate"] = 'Basic realm="Redfish"'
    return problem


def _allowed_before_change(method: str, path: str, actor: Actor) -> bool:
    """With a password that must be changed, an account sees itself, changes itself and logs out; nothing else."""
    if path == tree.account_path(actor.account):
        return method in ("GET", "HEAD", "PATCH")
    if path in OPEN_PATHS:
        return method in ("GET", "HEAD")
    return bool(actor.session) and method == "DELETE" and path == f"{SESSION_PATHS[0]}/{actor.session}"


# -- the request itself ------------------------------------------------------------------------------------------


def _body(request: web.BaseRequest, raw: bytes, path: str) -> tuple[Json, Files]:
    if request.method not in ("POST", "PATCH", "PUT") or not raw:
        return {}, {}
    found = find(path.rstrip("/"))
    if request.content_type == "multipart/form-data" and found and found[0].form:
        files = form_parts(request.headers["Content-Type"], raw)
        _, told = files.pop(found[0].form, ("", b""))
        return _json(told), files
    if request.content_type != "application/json" or (found and found[0].form):
        raise refuse(415, "HeaderInvalid", f"Content-Type: {request.headers.get('Content-Type', '')}")
    return _json(raw), {}


def _json(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except (ValueError, UnicodeDecodeError):
        raise refuse(400, "MalformedJSON") from None
    if not isinstance(body, dict):
        raise refuse(400, "UnrecognizedRequestBody")
    return body


def _asks_for_stream(bmc: Bmc, request: web.BaseRequest, path: str) -> bool:
    found = find(path.rstrip("/"))
    return found is not None and found[0].stream and request.method == "GET" and not bmc.absent(path)


async def _dispatch(bmc: Bmc, request: web.BaseRequest, path: str, actor: Actor, body: Json, files: Files) -> Answer:
    bare = path.rstrip("/") or "/"
    found = find(bare)
    if found is None or bmc.absent(bare):
        raise refuse(404, "ResourceMissingAtURI", path)
    route, names = found
    method = "GET" if request.method == "HEAD" else request.method
    if method == "GET":
        if route.read is None:
            raise _method_not_allowed(route)
        _require(bmc, actor, route.read_privilege, bare)
        return _get(bmc, request, route, bare)
    if method not in route.writers:
        raise _method_not_allowed(route)
    write, privilege = route.writers[method]
    _require(bmc, actor, privilege, bare)
    if request.query_string and method != "POST":
        parse(request.query_string, bmc.quirks)
    if route.read is not None and method in ("PATCH", "PUT", "DELETE"):
        _precondition(bmc, request, route, bare)
    call = Call(bare, body, actor.account, actor.session, actor.user, _origin(request), files)
    # A password that is not changed is a lie of its own (`about=password`).
    if method == "PATCH" and "Password" not in (body or {}) and bmc.lies_about("patch"):
        return Answer(200, bmc.read(bare))
    answer = write(bmc, call, **names)
    return answer if isinstance(answer, Answer) else await answer


def _require(bmc: Bmc, actor: Actor, privilege: str, path: str) -> None:
    if privilege == NOBODY or path in OPEN_PATHS:
        return
    if privilege not in bmc.accounts.privileges(actor.account):
        raise refuse(403, "InsufficientPrivilege")


def _method_not_allowed(route: Route) -> Problem:
    problem = refuse(405, "OperationNotAllowed")
    problem.headers["Allow"] = route.allow
    return problem


def _origin(request: web.BaseRequest) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if peer else ""


def _get(bmc: Bmc, request: web.BaseRequest, route: Route, path: str) -> Answer:
    query = parse(request.query_string, bmc.quirks)
    shown = "/redfish/v1/" if path == "/redfish/v1" else path
    body = bmc.read(shown)
    if "/TaskMonitors/" in path and body["TaskState"] in UNFINISHED:
        return Answer(202, body, {"Allow": route.allow, "Location": path, "Retry-After": "1"})
    if "(raw)" in body:
        return Answer(200, body, {"Allow": route.allow})

    def read(other: str) -> Json | None:
        try:
            return bmc.read(other.split("#")[0])
        except Problem:
            return None

    headers = {"Allow": route.allow}
    etag = _etag(body) if bmc.quirks.etags and path != "/redfish" else ""
    if etag:
        headers["ETag"] = etag
        if etag in [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]:
            return Answer(304, None, headers)
    if path == "/redfish":
        body.pop("@odata.id")
        return Answer(200, body, headers)
    body = applied(body, query, read)
    if etag and query.empty and "@odata.context" not in body:
        body["@odata.etag"] = etag
    if kind := str(body.get("@odata.type", "")).lstrip("#"):
        file = kind.rpartition(".")[0]
        headers["Link"] = f"<http://redfish.dmtf.org/schemas/v1/{file}.json>; rel=describedby"
    return Answer(200, body, headers)


def _etag(body: Json) -> str:
    """A fingerprint of what the resource says, without clocks: it changes when the resource does."""
    stable = {key: value for key, value in body.items() if key not in _UNSTABLE}
    return f'"{hashlib.blake2s(json.dumps(stable).encode(), digest_size=8).hexdigest()}"'


def _precondition(bmc: Bmc, request: web.BaseRequest, route: Route, path: str) -> None:
    wanted = request.headers.get("If-Match")
    if wanted is None or not bmc.quirks.etags or wanted.strip() == "*" or route.volatile:
        return
    if _etag(bmc.read(path)) not in [part.strip().removeprefix("W/") for part in wanted.split(",")]:
        raise refuse(412, "PreconditionFailed")


# -- the answer --------------------------------------------------------------------------------------------------


def _response(bmc: Bmc, request: web.BaseRequest, answer: Answer) -> web.Response:
    headers = {
        "OData-Version": "4.0",
        "Cache-Control": "no-cache",
        "Server": bmc.quirks.product or "http",
        **answer.headers,
    }
    if bmc.quirks.close_connections:
        headers["Connection"] = "close"
    if answer.status == 401 and not bmc.quirks.basic:
        headers.pop("WWW-Authenticate", None)
    body = answer.body
    if body is None:
        return web.Response(status=answer.status, headers=headers)
    if "(raw)" in body:
        headers["Content-Type"] = body["content_type"]
        return web.Response(status=answer.status, body=body["(raw)"].encode(), headers=headers)
    headers["Content-Type"] = "application/json;charset=utf-8"
    response = web.Response(status=answer.status, body=json.dumps(body).encode(), headers=headers)
    if bmc.quirks.close_connections:
        response.force_close()
    return response


def method_problem(status: int, key: str) -> web.Response:
    """An answer to a request that is no HTTP for us, before any BMC is asked."""
    problem = Problem(status, message(key))
    headers = {"Content-Type": "application/json;charset=utf-8", "OData-Version": "4.0"}
    return web.Response(status=status, body=json.dumps(problem.body()).encode(), headers=headers)
