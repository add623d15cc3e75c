"""The CLI's own client of the API: what it sends, how it repeats a POST safely, and what an answer means for the exit code."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from cli.errors import Answered, CommandError
from cli.exit_codes import ExitCode
from cli.target import Target, target

_CODES = {400: ExitCode.USAGE, 401: ExitCode.UNAUTHORISED, 403: ExitCode.UNAUTHORISED, 404: ExitCode.NOT_FOUND}
_CODES |= {409: ExitCode.CONFLICT, 412: ExitCode.CONFLICT, 422: ExitCode.REFUSED, 428: ExitCode.CONFLICT}
_CODES |= {429: ExitCode.UNREACHABLE, 502: ExitCode.UNREACHABLE, 503: ExitCode.UNREACHABLE, 504: ExitCode.UNREACHABLE}
_PLAN_STALE = frozenset({"plan-stale", "plan-unknown", "plan-expired", "plan-other-target", "declaration-changed"})
TRIES = 3


class ApiClient:
    """Speaks to one API. A POST carries one idempotency key over all its tries, so a lost answer doubles nothing."""

    def __init__(self, to: Target, transport: httpx.BaseTransport | None = None) -> None:
        self.url = to.url
        # The environment's proxies and bundles are for the world outside; this API may be on loopback.
        self._http = httpx.Client(
            base_url=to.url,
            headers={"Authorization": f"Bearer {to.token}"} if to.token else {},
            timeout=httpx.Timeout(30, connect=5),
            trust_env=False,
            verify=to.ca_file or True,
            transport=transport,
        )

    def get(self, path: str, **query: Any) -> Any:
        return self._send("GET", path, params=_given(query)).json()

    def get_with_etag(self, path: str) -> tuple[Any, str]:
        answer = self._send("GET", path)
        return answer.json(), answer.headers.get("ETag", "")

    def get_bytes(self, path: str, **query: Any) -> bytes:
        return self._send("GET", path, params=_given(query)).content

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page after page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, limit=query.pop("limit", 200), **query)
            yield from page["items"]
            cursor = page.get("next") or None
            if cursor is None:
                return

    def post(self, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        answer = self._send("POST", path, json=dict(body or {}), headers=headers)
        return answer.json() if answer.content else None

    def put(self, path: str, body: Mapping[str, Any], etag: str = "") -> tuple[Any, str]:
        answer = self._send("PUT", path, json=dict(body), headers={"If-Match": etag} if etag else {})
        return (answer.json() if answer.content else None), answer.headers.get("ETag", "")

    def put_bytes(self, path: str, content: bytes, media_type: str) -> Any:
        return self._send("PUT", path, content=content, headers={"Content-Type": media_type}).json()

    def delete(self, path: str, etag: str = "") -> None:
        self._send("DELETE", path, headers={"If-Match": etag} if etag else {})

    def stream(self, path: str, last_id: str = "") -> Iterator[tuple[str, str, str]]:
        """One connection's server-sent events as (event, id, data). Ends when the connection does, for whatever reason."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(60, connect=5)
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise _problem(answer)
            yield from _events(answer.iter_lines())

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for left in range(TRIES - 1, -1, -1):
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if left:
                    time.sleep(0.2)
                    continue
                raise CommandError(
                    f"The API at {self.url} does not answer: {error or type(error).__name__}.",
                    do="Start it with `edgewright up`, or say where it is: EDGEWRIGHT_API_URL=https://…",
                    code=ExitCode.UNREACHABLE,
                ) from error
            if answer.status_code < 400:
                return answer
            raise _problem(answer)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        self._http.close()


def quoted(name: str) -> str:
    """A name or id as one part of a path: what a person typed never becomes another path or a query."""
    return quote(name, safe="")


def connect() -> ApiClient:
    return ApiClient(target())


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, "", (), [])}


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    event, identity, data = "message", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield event, identity, "\n".join(data)
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "id":
            identity = value
        elif field == "data":
            data.append(value)


def _problem(answer: httpx.Response) -> CommandError:
    try:
        body = answer.json()
        kind = str(body["type"]).rsplit(":", 1)[-1]
    except (ValueError, KeyError, TypeError):
        return CommandError(
            f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}, and not as Edgewright's API does.",
            do="Is EDGEWRIGHT_API_URL the address of Edgewright's API?",
            code=ExitCode.UNREACHABLE if answer.status_code >= 500 else ExitCode.ERROR,
        )
    code = ExitCode.PLAN_STALE if kind in _PLAN_STALE else _CODES.get(answer.status_code, ExitCode.ERROR)
    errors = [(problem.get("path", ""), problem["message"]) for problem in body.get("errors", ())]
    return Answered(
        body.get("detail") or body.get("title") or answer.reason_phrase,
        kind=kind,
        status=answer.status_code,
        do=body.get("do", ""),
        code=code,
        lines=[f"{path}: {message}" if path else message for path, message in errors],
    )
