"""Reaches switches for activities: who answers, and a session with one login."""

from clients.nvue.client import NvueClient
from clients.nvue.transport import SwitchAddress, SwitchTimeouts, Trust, probe
from domain.bmc import Certificates, Endpoint
from domain.nvue import SwitchPresence
from domain.secret import Login


class NvueFactory:
    """Fulfils `domain.nvue.SwitchFactory`. Thread-safe: each session is its own client."""

    def __init__(self, timeouts: SwitchTimeouts | None = None) -> None:
        self._timeouts = timeouts

    def presence(self, host: str, port: int) -> SwitchPresence | None:
        return probe(SwitchAddress(host=host, port=port))

    def open(self, endpoint: Endpoint, login: Login, certificates: Certificates) -> NvueClient:
        address = SwitchAddress(host=endpoint.address.host, port=endpoint.address.port, name=endpoint.name)
        trust = Trust(ca_pem=certificates.ca_pem or "", certificate_sha256=certificates.sha256 or "")
        return NvueClient(address, login, trust, timeouts=self._timeouts)
