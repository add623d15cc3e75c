"""HTTPS to one switch: who is trusted, how long we wait, which answers are worth another try, and what they mean."""

import hashlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, override

import httpx

from clients.nvue.errors import (
    ApplyInProgress,
    FactoryPasswordUnchanged,
    SwitchAnswerUnclear,
    SwitchBusy,
    SwitchCertificateChanged,
    SwitchForbidden,
    SwitchLoginRefused,
    SwitchObjectMissing,
    SwitchRefused,
    SwitchTroubled,
    SwitchUnreachable,
)
from domain.errors import EdgewrightError, Rejected
from domain.model import Json
from domain.nvue import RevisionIssue, SwitchPresence
from domain.secret import Login

PORT = 8765
"""`system.api.port` as Cumulus Linux ships it."""

BASE = "/nvue_v1"


@dataclass(frozen=True)
class SwitchAddress:
    """Where a switch's API answers. `name` is what a night operator calls it."""

    host: str
    port: int = PORT
    name: str = ""

    def __str__(self) -> str:
        where = self.host if self.port == PORT else f"{self.host}:{self.port}"
        return f"{self.name} ({where})" if self.name else where


@dataclass(frozen=True)
class Trust:
    """How a switch proves who it is: a site's CA bundle, or the SHA-256 of the one certificate we pinned. One is needed.

    Out of the box a switch shows a certificate that it signed itself, so a name check is only done with a CA and a `server_name`.
    """

    ca_file: Path | None = None
    ca_pem: str = field(default="", repr=False)
    certificate_sha256: str = ""
    server_name: str = ""

    def __post_init__(self) -> None:
        if sum((self.ca_file is not None, bool(self.ca_pem), bool(self.certificate_sha256))) != 1:
            raise Rejected(
                "A switch is trusted by a CA bundle or by a pinned certificate: exactly one of them.",
                do="Give the site a CA bundle, or pin the certificate that discovery read.",
            )

    def context(self) -> ssl.SSLContext:
        """Raises `Rejected` if the CA bundle cannot be read."""
        if self.certificate_sha256:
            return _pinned(self.certificate_sha256)
        try:
            file = str(self.ca_file) if self.ca_file is not None else None
            context = ssl.create_default_context(cafile=file, cadata=self.ca_pem or None)
        except OSError as error:
            where = self.ca_file or "of the secret store"
            raise Rejected(f"Cannot read the CA bundle {where}: {error.strerror or error}.") from error
        context.check_hostname = bool(self.server_name)
        return context


class _WrongCertificate(ssl.SSLError):
    """Raised inside the handshake, before any byte of a request."""


def _pinned(certificate_sha256: str) -> ssl.SSLContext:
    """A context that takes exactly one certificate, and checks it before a password can be sent."""
    wanted = certificate_sha256.replace(":", "").lower()

    class PinnedSocket(ssl.SSLSocket):
        @override
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            if hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest() != wanted:
                raise _WrongCertificate("certificate is not the pinned one")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class = PinnedSocket
    return context


@dataclass(frozen=True)
class SwitchTimeouts:
    """Seconds and tries. A read is tried again at once a few times; what lasts longer is left to the workflow's policy."""

    connect_s: float = 5.0
    read_s: float = 20.0
    tries: int = 3
    pause_s: float = 0.5
    poll_s: float = 1.0
    absence_s: float = 300.0
    """How long a switch that fell silent in the middle of our change may take to say what became of it: a reboot takes minutes."""


@dataclass
class Transport:
    """One switch. Safe to share between threads; close it when done."""

    address: SwitchAddress
    login: Login = field(repr=False)
    trust: Trust
    timeouts: SwitchTimeouts = SwitchTimeouts()
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    alternate: Login | None = field(default=None, repr=False)
    """While a password changes either may be right, and a rollback brings the old one back: the two trade places on a 401."""

    def __post_init__(self) -> None:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        # trust_env=False: a proxy or CA bundle of the environment must not come between us and a switch.
        self._http = httpx.Client(
            base_url=f"https://{host}:{self.address.port}{BASE}",
            verify=self.trust.context(),
            trust_env=False,
            timeout=httpx.Timeout(self.timeouts.read_s, connect=self.timeouts.connect_s),
            headers={"Accept": "application/json", "User-Agent": "edgewright"},
            limits=httpx.Limits(max_connections=4, keepalive_expiry=5.0),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """Reads; tried again on broken connections and on 5xx, because reading changes nothing."""
        for again in range(1, self.timeouts.tries):
            try:
                return self.send("GET", path, params)
            except (SwitchUnreachable, SwitchTroubled, SwitchAnswerUnclear):
                self.sleep(self.timeouts.pause_s * again)
        return self.send("GET", path, params)

    def send(
        self,
        method: Literal["GET", "POST", "PATCH", "DELETE"],
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Json] | None = None,
    ) -> Json:
        """One request, one try; an empty answer reads as `{}`. Only a 401 is tried again, with the `alternate` login and then
        with the first once more: the switch may change its mind between two tries."""
        response = self._request(method, path, params, body)
        for _ in range(2):
            if response.status_code == 401 and self.alternate is not None:
                self.login, self.alternate = self.alternate, self.login
                response = self._request(method, path, params, body)
        if response.is_success:
            return self._document(response)
        logins = (self.login, self.alternate) if self.alternate is not None else (self.login,)
        secrets = (*(login.password.get_secret_value() for login in logins), *_secrets_in(body))
        raise self._refusal(f"{method} {path}", response, secrets)

    def _request(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Mapping[str, Json] | None
    ) -> httpx.Response:
        try:
            return self._http.request(
                method,
                path,
                params=dict(params or {}),
                content=None if body is None else json.dumps(body),
                headers=None if body is None else {"Content-Type": "application/json"},
                auth=(self.login.username, self.login.password.get_secret_value()),
                extensions={"sni_hostname": self.trust.server_name} if self.trust.server_name else None,
            )
        except httpx.TransportError as error:
            raise self._no_answer(error) from None

    def _no_answer(self, error: httpx.TransportError) -> EdgewrightError:
        if isinstance(_root(error), _WrongCertificate) or "not the pinned one" in str(error):
            return SwitchCertificateChanged(
                f"The switch {self.address} shows another certificate than the pinned one; no password was sent.",
                do="Find out who renewed it (or who answers there), then forget the old one "
                "(edgewright secret delete site/SITE/pins/SWITCH) and retry, or write the new fingerprint where the declaration pins it.",
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return SwitchCertificateChanged(
                f"The certificate of the switch {self.address} is not signed by the site's CA; no password was sent.",
                do="Install a certificate of the site's CA on the switch, or pin the one it has.",
            )
        reason = str(error) or type(error).__name__
        return SwitchUnreachable(
            f"The switch {self.address} did not answer: {reason}.",
            do="Check its power, its management cable and that `system api state` is enabled.",
        )

    def _document(self, response: httpx.Response) -> Json:
        if not response.content.strip():
            return {}
        try:
            return response.json()
        except ValueError:
            raise SwitchAnswerUnclear(
                f"The switch {self.address} answered {response.status_code} with something that is no JSON."
            ) from None

    def _refusal(self, what: str, response: httpx.Response, secrets: tuple[str, ...]) -> EdgewrightError:
        said, issues = _words(response, secrets)
        match response.status_code:
            case 401:
                return SwitchLoginRefused(
                    f"The switch {self.address} refused the login of `{self.login.username}`.",
                    do="Check the credential; somebody may have changed the password on the switch.",
                )
            case 403 if self._all_forbidden():
                return FactoryPasswordUnchanged(
                    f"The switch {self.address} answers 403 to everything: its factory password was never changed.",
                    do="Log in once (console or SSH) and set a password, or let zero-touch provisioning do it; then retry.",
                )
            case 403:
                return SwitchForbidden(
                    f"The switch {self.address} does not let `{self.login.username}` do {what}.",
                    do="Give the user a role that may (`system-admin` or `nvue-admin`).",
                )
            case 404:
                return SwitchObjectMissing(f"The switch {self.address} has nothing for {what}: {said}")
            case 409:
                return ApplyInProgress(
                    f"The switch {self.address} refused {what}: {said}",
                    do="Wait for the other apply to end, then retry.",
                )
            case 429:
                return SwitchBusy(f"The switch {self.address} is busy: {said}", retry_after_s=_retry_after(response))
            case 503 if "Retry-After" in response.headers:
                return SwitchBusy(f"The switch {self.address} is busy: {said}", retry_after_s=_retry_after(response))
            case status if status >= 500:
                return SwitchTroubled(f"The switch {self.address} answered {status} to {what}: {said}")
            case status:
                return SwitchRefused(
                    f"The switch {self.address} refused {what} with {status}: {said}",
                    do="Correct the configuration; nothing was changed.",
                    issues=issues,
                )

    def _all_forbidden(self) -> bool:
        """Whether even the harmless read is forbidden: then it is the factory password, not the role."""
        try:
            response = self._http.get(
                "/system",
                params={"rev": "operational"},
                auth=(self.login.username, self.login.password.get_secret_value()),
            )
        except httpx.TransportError:
            return False
        return response.status_code == 403


def _root(error: BaseException) -> BaseException:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _secrets_in(body: Json | Mapping[str, Json]) -> tuple[str, ...]:
    """Passwords that we send: a refusal that quotes them must not carry them into a log."""
    if not isinstance(body, Mapping):
        return ()
    found = [str(value) for key, value in body.items() if "password" in key and isinstance(value, str)]
    return (*found, *(secret for value in body.values() for secret in _secrets_in(value)))


def _words(response: httpx.Response, secrets: tuple[str, ...]) -> tuple[str, tuple[RevisionIssue, ...]]:
    """What the switch says is wrong, shortened, and as an issue: `{"title", "detail", "status"}` or plain text."""
    text = response.text.strip()
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    try:
        document: Any = json.loads(text)
    except ValueError:
        return text[:200] or response.reason_phrase, ()
    if isinstance(document, dict):
        text = str(document.get("detail") or document.get("title") or document.get("message") or text)  # pyright: ignore
        code = str(document.get("code") or document.get("title") or "")  # pyright: ignore
        return text[:500], (RevisionIssue(code=code, severity="error", message=text[:500]),)
    return text[:200], ()


def probe(address: SwitchAddress, *, timeout_s: float = 3.0) -> SwitchPresence | None:
    """Whether a switch answers here, without a login; `None` if nobody does. Nothing secret is sent.

    The certificate is read, not judged: it is what gets pinned when a person accepts the switch.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address.host, address.port), timeout=timeout_s) as raw,
            context.wrap_socket(raw) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True) or b""
            secured.sendall(f"GET {BASE}/system HTTP/1.1\r\nHost: {address.host}\r\nConnection: close\r\n\r\n".encode())
            answer = secured.recv(4096)
    except OSError:
        return None
    # NGINX in front of nvued asks for a login (401), or is shut until the factory password was changed (403).
    asked = answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 403", b"HTTP/1.0 401", b"HTTP/1.0 403"))
    return SwitchPresence(
        address=address.host,
        port=address.port,
        certificate_sha256=hashlib.sha256(certificate).hexdigest(),
        speaks_nvue=asked and (b"nvue" in answer.lower() or b"basic" in answer.lower()),
    )
