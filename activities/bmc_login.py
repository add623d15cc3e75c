"""Logging in to BMCs: how one is reached and trusted, and which failed logins count there."""

from activities.logins import Logins
from activities.trust import certificates_of, remember_certificate
from domain.bmc import (
    Bmc,
    BmcBusy,
    BmcCertificateChanged,
    BmcCertificateUntrusted,
    BmcConnection,
    BmcFactory,
    BmcUnreachable,
    DeviceTarget,
)
from domain.errors import EdgewrightError
from domain.secret import SecretStore

type BmcLogins = Logins[Bmc]


class BmcDoors:
    """Fulfils `Doors[Bmc]`."""

    word = "BMC"

    def __init__(self, bmcs: BmcFactory, secrets: SecretStore) -> None:
        self._bmcs, self._secrets = bmcs, secrets

    def connect(self, target: DeviceTarget) -> BmcConnection:
        def shown() -> str:
            return self._bmcs.identify(target.endpoint).certificate_sha256

        certificates = certificates_of(self._secrets, target.site, target.device, target.trust, shown)
        connection = self._bmcs.connect(target.endpoint, certificates)
        if target.trust.ca is not None:
            # Proved by the CA; kept so that a server declared without an address is known again after its take-over.
            remember_certificate(self._secrets, target.site, target.device, connection.identity.certificate_sha256)
        return connection

    def spares(self, error: EdgewrightError) -> bool:
        if isinstance(error, BmcUnreachable):
            return not error.sent
        return isinstance(error, BmcBusy | BmcCertificateChanged | BmcCertificateUntrusted)
