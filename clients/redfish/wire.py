"""Requests to one BMC over DMTF's `redfish` library: tries, pauses, and what an answer means.

The library sends, keeps the connection and the session header; whether to try again and what to raise is decided here,
because it depends on the method and on what BMCs mean by their codes.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import redfish.rest.v1 as dmtf  # pyright: ignore[reportMissingTypeStubs]
import requests
import urllib3
from pydantic import SecretStr

from clients.redfish.messages import CHANGE_REQUIRED, LOCKED, NOT_READY, SESSION_LIMIT, Message, messages_of
from clients.redfish.resource import Resource
from clients.redfish.trust import StrangeRedirect, TrustingAdapter, WrongCertificate
from domain.bmc import (
    BmcBusy,
    BmcCertificateChanged,
    BmcCertificateUntrusted,
    BmcLocked,
    BmcLoginRefused,
    BmcRefused,
    BmcResourceMissing,
    BmcSessionLost,
    BmcTroubled,
    BmcUnreachable,
    Certificates,
    Endpoint,
    PasswordChangeRequired,
)
from domain.errors import EdgewrightError
from domain.model import Json

SERVICE_ROOT = "/redfish/v1/"


type Form = Mapping[str, tuple[str, str | bytes, str]]
"""Parts of a multipart form by name: file name, content, media type."""


@dataclass(frozen=True)
class BmcTimeouts:
    """Seconds and tries. What lasts longer than `patience_s` is left to the workflow's retry policy."""

    connect_s: float = 5.0
    read_s: float = 30.0
    tries: int = 4
    pause_s: float = 0.5
    patience_s: float = 10.0


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower case) and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: Resource

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def messages(self) -> tuple[Message, ...]:
        return messages_of(self.body)

    def says(self, *keys: str) -> bool:
        return any(message.key in keys for message in self.messages)


class Wire:
    """One BMC, one connection, at most one login. Not for several threads at once."""

    def __init__(
        self,
        endpoint: Endpoint,
        certificates: Certificates | None,
        *,
        timeouts: BmcTimeouts,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`certificates` None looks at a BMC without trusting it: never log in through such a wire."""
        self.endpoint = endpoint
        self.timeouts = timeouts
        self.sleep = sleep
        self.requests_sent = 0
        self.close_connections = False
        self.patience_s = timeouts.patience_s
        self._secrets: set[str] = set()
        self._has_session = False
        self._adapter = TrustingAdapter(endpoint, certificates)
        host = endpoint.address.host
        bracketed = f"[{host}]" if ":" in host else host
        # Untyped library: its surface is used in this class only.
        self._http: Any = cast(Any, dmtf).HttpClient(
            f"https://{bracketed}:{endpoint.address.port}",
            max_retry=0,
            timeout=(timeouts.connect_s, timeouts.read_s),
            check_connectivity=False,
            https_adapter=self._adapter,
        )
        session: requests.Session = self._http._session
        # A proxy, netrc or CA bundle of the environment must not come between us and a BMC.
        session.trust_env = False
        session.max_redirects = 2

    @property
    def certificate_sha256(self) -> str:
        return self._adapter.shown

    def keep_secret(self, secret: SecretStr) -> None:
        """From now on no error shows it, even if the BMC repeats it in its own messages."""
        self._secrets.add(secret.get_secret_value())

    def scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def use_token(self, token: str | None) -> None:
        self._has_session = token is not None
        self._http.set_session_key(token)

    def use_basic(self, authorization: str | None) -> None:
        self._http.set_authorization_key(authorization)

    def close(self) -> None:
        self._http._session.close()

    # Sending

    def get(self, path: str, expand: str = "") -> Resource:
        """Raises what `send` and `judge` raise."""
        answer = self.send("GET", path, args={"$expand": expand} if expand else None)
        self.judge(answer, f"GET {path}")
        return answer.body

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | None = None,
        *,
        args: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tries: int | None = None,
        form: Form | None = None,
    ) -> Answer:
        """Any answer except "not now" comes back as it is.

        A request is sent again where nothing can have happened: it was never sent, or the BMC said that it is not ready.
        A read is also sent again when the connection broke.

        Raises:
            BmcUnreachable: after the tries. BmcBusy: after the patience of one step.
            BmcCertificateChanged, BmcCertificateUntrusted: before anything was sent.
        """
        failures, waited_s = 0, 0.0
        while True:
            try:
                answer = self._once(method, path, form or body, args, headers)
            except BmcUnreachable as error:
                failures += 1
                if failures >= (tries or self.timeouts.tries) or (error.sent and method != "GET"):
                    raise
                pause_s = self.timeouts.pause_s
            else:
                if not _not_now(answer):
                    return answer
                pause_s = _retry_after(answer) or self.timeouts.pause_s * 2
                if waited_s + pause_s > self.patience_s:
                    raise self._busy(answer, f"{method} {path}", pause_s)
                waited_s += pause_s
            self.sleep(pause_s)

    def post_form(self, path: str, form: Form) -> Answer:
        """As `send`, with a multipart form (DSP0266, multipart HTTP push update)."""
        return self.send("POST", path, headers={"Content-Type": "multipart/form-data"}, form=form)

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | Form | None,
        args: Mapping[str, str] | None,
        more: Mapping[str, str] | None,
    ) -> Answer:
        headers = {"Accept": "application/json", **(more or {})}
        if self.close_connections:
            headers["Connection"] = "close"
        self.requests_sent += 1
        try:
            with warnings.catch_warnings():
                # The adapter does the checking; urllib3 cannot know.
                warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
                raw: Any = self._http._rest_request(
                    path, method=method, args=args, body=dict(body) if body is not None else None, headers=headers
                )
        except Exception as error:
            raise self._broken(error) from None
        found = {str(name).lower(): str(value) for name, value in raw.getheaders()}
        return Answer(status=int(raw.status), headers=found, body=self._body(raw))

    def _body(self, raw: Any) -> Resource:
        try:
            return Resource(cast(Json, raw.dict))
        except dmtf.JsonDecodingError:
            if int(raw.status) >= 300:
                return Resource(None)
            raise BmcTroubled(
                f"{self.endpoint} answered with something that is no JSON.",
                do="Often a web server that has only half started; if it lasts, restart the BMC.",
            ) from None

    def _broken(self, error: BaseException) -> EdgewrightError:
        """What a failed request means. Never shows the library's text: it may hold the URL with a query, or a body."""
        causes = tuple(_causes(error))
        for cause in causes:
            if isinstance(cause, WrongCertificate):
                return BmcCertificateChanged(
                    f"{self.endpoint} shows the certificate {_short(cause.shown)}, not the one that is pinned. "
                    "Nothing was sent.",
                    do="Find out whether the BMC or its certificate was replaced; then forget the old one "
                    f"(edgewright secret delete site/SITE/pins/{self.endpoint.name}) and retry, or, where the declaration "
                    f"pins it, write the new fingerprint there: {cause.shown}",
                )
            if isinstance(cause, StrangeRedirect):
                return BmcTroubled(f"{self.endpoint} redirected a request to another host, which was not followed.")
            if type(cause).__name__ == "SSLCertVerificationError":
                reason = getattr(cause, "verify_message", "") or "verification failed"
                return BmcCertificateUntrusted(
                    f"The certificate of {self.endpoint} is not accepted: {reason}. Nothing was sent.",
                    do="Install a certificate of the site's CA on the BMC, or pin this one: " + self._adapter.shown
                    if self._adapter.shown
                    else "Install a certificate of the site's CA on the BMC, or pin its fingerprint.",
                )
        sent = not any(
            isinstance(
                cause, urllib3.exceptions.NewConnectionError | requests.ConnectTimeout | requests.exceptions.SSLError
            )
            for cause in causes
        )
        if any(isinstance(cause, requests.ReadTimeout | TimeoutError) for cause in causes) and sent:
            what = f"did not answer within {self.timeouts.read_s:g} s"
        elif sent:
            what = "broke the connection before its answer was whole"
        else:
            what = "cannot be reached"
        return BmcUnreachable(
            f"{self.endpoint} {what}.", do="Check its out-of-band cable and that the BMC is running.", sent=sent
        )

    # Judging

    def judge(self, answer: Answer, what: str) -> None:
        """Raises what an answer of 4xx or 5xx means; `what` says what we asked for."""
        if answer.status < 400:
            return
        first = next(iter(answer.messages), Message())
        said = self.scrub(f': "{first.text}"' if first.text else f" with {answer.status}")
        marked = f"{said} [{first.id}]" if first.id else said
        advice = self.scrub(first.resolution)
        if answer.says(CHANGE_REQUIRED):
            raise PasswordChangeRequired(
                f"{self.endpoint} answers nothing until its password is changed.", do="Take its credentials over first."
            )
        if answer.says(*LOCKED):
            raise BmcLocked(
                f"{self.endpoint} says that our account is locked{marked}.", retry_after_s=_retry_after(answer)
            )
        if answer.status == 401 and self._has_session:
            raise BmcSessionLost(
                f"{self.endpoint} does not know our session any more{marked}: it restarted, or somebody ended it.",
                do="Nothing to do: the step logs in again by itself.",
            )
        if answer.status == 401:
            raise BmcLoginRefused(
                f"{self.endpoint} refused the login{marked}.",
                do="Its password was changed by somebody else, or it is locked.",
            )
        if answer.status in (404, 405, 410, 501):
            raise BmcResourceMissing(
                f"{self.endpoint} does not offer {what}{marked}.", message_id=first.id, status=answer.status
            )
        if answer.status >= 500:
            raise BmcTroubled(f"{self.endpoint} failed at {what}{marked}.", do=advice)
        raise BmcRefused(
            f"{self.endpoint} refused {what}{marked}.", message_id=first.id, status=answer.status, do=advice
        )

    def _busy(self, answer: Answer, what: str, pause_s: float) -> BmcBusy:
        first = next(iter(answer.messages), Message())
        said = self.scrub(f': "{first.text}" [{first.id}]' if first.text else f" ({answer.status})")
        return BmcBusy(f"{self.endpoint} is not ready for {what}{said}.", retry_after_s=pause_s)


def _not_now(answer: Answer) -> bool:
    if answer.status < 400 or answer.says(SESSION_LIMIT):
        return False
    return answer.status in (429, 503) or answer.says(*NOT_READY)


def _retry_after(answer: Answer) -> float | None:
    """Seconds, or an HTTP date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    with suppress(ValueError, TypeError):
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps, as libraries nest it: causes, contexts, arguments and `reason`."""
    seen: set[int] = set()
    queue: list[object] = [error]
    while queue:
        item = queue.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]


def _short(fingerprint: str) -> str:
    return f"{fingerprint[:16]}…"
