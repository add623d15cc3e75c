"""NetBox's REST interface on the wire: pynetbox's request layer on a session of our own, and its errors as ours.

pynetbox knows tokens, pages and URLs; its record objects are left aside (each attribute access may be another request). It
has no conditional requests, so `If-Match` goes through the session directly (NetBox 4.7: weak ETags, 412 when stale).
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import requests
from pynetbox.core.api import Api  # pyright: ignore[reportMissingTypeStubs]
from pynetbox.core.query import (  # pyright: ignore[reportMissingTypeStubs]
    TOKEN_PREFIX,
    AllocationError,
    ContentError,
    Request,
    RequestError,
)
from requests.adapters import HTTPAdapter

from domain.inventory import InventoryConflict, InventoryRefused, InventoryUnreachable, PoolEmpty
from domain.model import Json

type Row = dict[str, Any]
"""One object as NetBox sends it. Rows never leave this package: `mapping` turns them into records."""

type Params = Mapping[str, str | int | bool | Sequence[str] | Sequence[int] | Sequence[str | int]]

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 180.0
"""A batch of 50 cables takes NetBox about 8 s on a quiet core; a loaded one several times that."""

_MAX_QUERY_CHARS = 2500
"""gunicorn refuses a request line above 4094 characters."""

_PAGE = 1000


class BatchRefused(InventoryRefused):
    """NetBox refused a batch, made none of it, and named the entries that were wrong."""

    def __init__(self, message: str, by_position: Mapping[int, str], by_id: Mapping[int, str]) -> None:
        super().__init__(message)
        self.by_position = by_position
        self.by_id = by_id


class Stale(InventoryConflict):
    """The object changed since it was read. Whether that matters is for the caller to see: it re-reads."""


class _Timeouts(HTTPAdapter):
    """requests waits for ever unless told otherwise at each call."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        kwargs["timeout"] = kwargs.get("timeout") or (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        return super().send(request, **kwargs)


class NetBoxSession:
    """Safe to share between threads: it keeps nothing but connections."""

    def __init__(self, url: str, token: str, *, ca_bundle: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._api = Api(self.url, token=token)
        session = requests.Session()
        # The environment's proxy and CA settings are for the internet; they override `verify` silently.
        session.trust_env = False
        session.verify = ca_bundle or True
        adapter = _Timeouts(pool_connections=4, pool_maxsize=16)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        self._session = session
        self._api.http_session = session
        self._token = token

    # Reading.

    def rows(
        self, path: str, params: Params | None = None, *, fields: Sequence[str] = (), most: int | None = None
    ) -> list[Row]:
        """A whole list, page by page, or its first `most`. `fields` makes NetBox send, and compute, nothing else."""
        filters: dict[str, Any] = dict(params or {})
        if fields:
            filters["fields"] = ",".join(fields)
        with self._errors(path):
            return list(cast(Iterator[Row], self._request(path, filters, most).get()))

    def rows_by(
        self,
        path: str,
        name: str,
        values: Sequence[str | int],
        params: Params | None = None,
        *,
        fields: Sequence[str] = (),
    ) -> list[Row]:
        """A list filtered by many values of one field, in as few requests as the request line allows; each row once."""
        found: dict[int, Row] = {}
        for chunk in chunks(values):
            for row in self.rows(path, {**(params or {}), name: chunk}, fields=fields):
                found[row["id"]] = row
        return list(found.values())

    def row(self, path: str, number: int, *, fields: Sequence[str] = ()) -> tuple[Row, str]:
        """One object and its ETag. Raises `InventoryRefused` if it is gone."""
        params = {"fields": ",".join(fields)} if fields else None
        response = self._send("GET", f"{path}/{number}/", params=params)
        return cast(Row, response.json()), response.headers.get("ETag", "")

    def status(self) -> Row:
        return cast(Row, self._send("GET", "status/").json())

    def own_name(self) -> str:
        """Whose token this is, by NetBox's own word."""
        return str(self._send("GET", "authentication-check/").json()["username"])

    # Writing. None of these is tried again here: an answer that got lost may have been a success, and only a fresh look
    # can tell.

    def create(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        """Makes all or none, in one request. The answers stand in the order of the payloads and hold ids."""
        with self._errors(path):
            return cast(list[Row], self._request(path, _brief(payloads)).post(list(payloads)))

    def create_one(self, path: str, payload: Row) -> Row:
        with self._errors(path):
            return cast(Row, self._request(path).post(payload))

    def update(self, path: str, payloads: Sequence[Row]) -> list[Row]:
        """Changes all or none, in one request; each payload names its `id`."""
        with self._errors(path):
            return cast(list[Row], self._request(path, _brief(payloads)).patch(list(payloads)))

    def update_if_unchanged(self, path: str, number: int, etag: str, payload: Row) -> Row:
        """Compare and swap on one object. Raises `Stale` if it changed since the ETag was read."""
        response = self._send("PATCH", f"{path}/{number}/", json=payload, headers={"If-Match": etag})
        return cast(Row, response.json())

    def delete(self, path: str, numbers: Sequence[int]) -> None:
        with self._errors(path):
            self._request(path).delete([{"id": number} for number in numbers])

    # Beneath.

    def _request(self, path: str, filters: Mapping[str, Any] | None = None, most: int | None = None) -> Any:
        # `Any`: pynetbox has no types.
        return Request(
            base=f"{self._api.base_url}/{path}/",
            filters=dict(filters or {}),
            token=self._token,
            http_session=self._session,
            limit=most or _PAGE,
            offset=None if most is None else 0,
        )

    @contextmanager
    def _errors(self, path: str) -> Generator[None]:
        try:
            yield
        except requests.RequestException as error:
            raise _unreachable(self.url, error) from error
        except AllocationError as error:
            raise PoolEmpty(
                f"NetBox has nothing left to give at {path}.", do="Widen the pool, or give values back."
            ) from error
        except RequestError as error:
            raise _refused(path, cast(requests.Response, error.req)) from error
        except ContentError as error:
            raise InventoryUnreachable(
                f"{self.url} answers something else than NetBox's API.", do="Check EDGEWRIGHT_NETBOX_URL."
            ) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        # The header of NetBox 4.5's tokens (`nbt_<key>.<secret>`) and of the older forty characters.
        scheme = "Bearer" if self._token.startswith(TOKEN_PREFIX) else "Token"
        every = {"Authorization": f"{scheme} {self._token}", "Accept": "application/json", **(headers or {})}
        try:
            response = self._session.request(
                method, f"{self._api.base_url}/{path}", params=params, json=json, headers=every
            )
        except requests.RequestException as error:
            raise _unreachable(self.url, error) from error
        if not response.ok:
            raise _refused(path, response)
        return response


def chunks[T: str | int](values: Sequence[T]) -> Iterator[list[T]]:
    """The values in parts that fit a request line."""
    part: list[T] = []
    length = 0
    for value in values:
        size = len(str(value)) + 20
        if part and length + size > _MAX_QUERY_CHARS:
            yield part
            part, length = [], 0
        part.append(value)
        length += size
    if part:
        yield part


def _brief(payloads: Sequence[Row]) -> dict[str, str]:
    """Makes NetBox answer with ids and what was written, not with every object's whole neighbourhood: a quarter less work.
    NetBox applies `fields` to what it reads from the request too, so all that is sent must be named."""
    names = {"id"}.union(*(payload.keys() for payload in payloads))
    return {"fields": ",".join(sorted(names))}


def _unreachable(url: str, error: requests.RequestException) -> InventoryUnreachable:
    return InventoryUnreachable(
        f"NetBox at {url} does not answer: {type(error).__name__}.", do="Check that NetBox runs and can be reached."
    )


def _refused(path: str, response: requests.Response) -> Exception:
    """NetBox's answer as one of our errors, in words."""
    code = response.status_code
    if code == 412:
        return Stale(f"NetBox's {path} changed since it was read.", do="Read it again, then decide.")
    if code == 429 or code >= 500:
        return InventoryUnreachable(f"NetBox answered {code} to {path}.", do="See NetBox's log.")
    try:
        body = cast(Json, response.json())
    except ValueError:
        body = response.text[:200]
    if code in (401, 403):
        return InventoryRefused(
            f"NetBox does not allow {path}: {in_words(body)}.",
            do="Check the token and its permissions (EDGEWRIGHT_NETBOX_TOKEN_FILE).",
        )
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        entries = [entry for entry in cast(list[Json], body["errors"]) if isinstance(entry, dict)]
        by_position = {int(str(e["index"])): in_words(e.get("errors")) for e in entries if "index" in e}
        by_id = {int(str(e["id"])): in_words(e.get("errors")) for e in entries if "id" in e}
        return BatchRefused(f"NetBox refused {path}: {in_words(body.get('detail'))}", by_position, by_id)
    return InventoryRefused(f"NetBox refused {path} ({code}): {in_words(body)}.")


def in_words(body: Json) -> str:
    """NetBox's field errors as a sentence: `serial: Ensure this field has no more than 50 characters`."""
    if isinstance(body, dict):
        parts = [
            in_words(value) if name in ("detail", "__all__", "non_field_errors") else f"{name}: {in_words(value)}"
            for name, value in body.items()
        ]
        return "; ".join(parts)
    if isinstance(body, list):
        return "; ".join(in_words(item) for item in body if item not in ({}, None))
    return str(body).rstrip(".")
