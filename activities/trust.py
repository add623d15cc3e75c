"""How a device's certificate is checked, resolved where the activity runs."""

from collections.abc import Callable

from domain.bmc import Certificates, DeviceTrust
from domain.secret import Login, SecretMissing, SecretRef, SecretStore


def pin_ref(site: str, device: str) -> SecretRef:
    """Where the certificate that was seen first is remembered: with the device's secrets, which its site's worker has."""
    return SecretRef(path=f"site/{site}/pins/{device}")


def certificates_of(
    secrets: SecretStore, site: str, device: str, trust: DeviceTrust, shown: Callable[[], str]
) -> Certificates:
    """A CA, a pin, or the certificate seen first. `shown` reads what the device shows now; it is remembered before any login."""
    if trust.ca is not None:
        return Certificates(ca_pem=secrets.get(trust.ca).password.get_secret_value())
    if trust.pin is not None or not trust.first_use:
        return Certificates(sha256=trust.pin)
    ref = pin_ref(site, device)
    try:
        return Certificates(sha256=secrets.get(ref).password.get_secret_value())
    except SecretMissing:
        seen = shown()
        _remember(secrets, ref, seen)
        return Certificates(sha256=seen)


def remember_certificate(secrets: SecretStore, site: str, device: str, sha256: str) -> None:
    """What the device showed and proved by the site's CA. Writes only what is new."""
    if remembered(secrets, site, device) != sha256:
        _remember(secrets, pin_ref(site, device), sha256)


def remembered(secrets: SecretStore, site: str, device: str) -> str:
    """The fingerprint by which the device is known; empty before it was first opened."""
    try:
        return secrets.get(pin_ref(site, device)).password.get_secret_value()
    except SecretMissing:
        return ""


def _remember(secrets: SecretStore, ref: SecretRef, sha256: str) -> None:
    secrets.put(ref, Login.model_validate({"username": "sha256", "password": sha256}))
