"""Whose certificate we accept: checked inside the TLS handshake, before a request can carry a password.

The DMTF library and requests would both let the environment (`REQUESTS_CA_BUNDLE`) or `verify=False` decide. This adapter
ignores what they pass and decides by itself.
"""

import hashlib
import ssl
from typing import Any, override
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from domain.bmc import BmcCertificateUntrusted, Certificates, Endpoint


class WrongCertificate(Exception):
    """The fingerprint differs. Not an OSError: urllib3 must not take it for a broken connection."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.shown = shown


class StrangeRedirect(Exception):
    """A redirect led to another host or port: our session token must not go there."""


class TrustingAdapter(HTTPAdapter):
    """Speaks to one BMC only. `shown` is the fingerprint (SHA-256, hex) of the certificate it presented last."""

    def __init__(self, endpoint: Endpoint, certificates: Certificates | None) -> None:
        """`certificates` None accepts any, to look at; nothing secret may be sent then."""
        self.shown = ""
        self._origin = (endpoint.address.host, endpoint.address.port)
        self._by_ca = certificates is not None and certificates.ca_pem is not None
        wanted = certificates.sha256 if certificates is not None else None
        if certificates is not None and not self._by_ca and not wanted:
            raise BmcCertificateUntrusted(
                f"Nothing is known by which the certificate of {endpoint} could be checked.",
                do="Declare a CA, a pin, or first_use for the site.",
            )
        self._context = self._make_context(
            certificates.ca_pem if certificates else None, normalised(wanted or ""), endpoint
        )
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def _make_context(self, ca_pem: str | None, wanted: str, endpoint: Endpoint) -> ssl.SSLContext:
        adapter = self

        class WatchedSocket(ssl.SSLSocket):
            @override
            def do_handshake(self, block: bool = False) -> None:
                super().do_handshake(block)
                adapter.shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
                if wanted and adapter.shown != wanted:
                    raise WrongCertificate(adapter.shown)

        # Not create_default_context(): it loads the machine's CAs, which are not the site's, and takes 20 ms.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca_pem is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            try:
                context.load_verify_locations(cadata=ca_pem)
            except (ssl.SSLError, ValueError) as error:
                raise BmcCertificateUntrusted(
                    f"The CA bundle for {endpoint} holds no certificate that can be read.",
                    do="Store the site's CA again as PEM.",
                ) from error
        context.sslsocket_class = WatchedSocket
        return context

    @override
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **pool_kwargs)

    @override
    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, False, cert)
        if self._by_ca:
            return host, {"cert_reqs": "CERT_REQUIRED"}
        return host, {"cert_reqs": "CERT_NONE", "assert_hostname": False}

    @override
    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context decides."""

    @override
    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        target = urlsplit(request.url or "")
        if (target.hostname, target.port or 443) != self._origin:
            raise StrangeRedirect
        return super().send(request, *args, **kwargs)


def normalised(fingerprint: str) -> str:
    """`AB:CD:…` and `sha256:abcd…` as plain lower-case hex."""
    return fingerprint.lower().removeprefix("sha256:").replace(":", "").strip()
