"""Certificates of the devices: made when first shown, kept for ever, so that a pinned fingerprint stays true over restarts."""

import ipaddress
import os
import ssl
import tempfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.virtual.kept import KeptState

CONTEXTS_KEPT = 256
_CA = "(factory)"


class CertificateBook:
    """A TLS context per device, made lazily; only the most recently used ones stay in memory."""

    def __init__(self, kept: KeptState) -> None:
        self._kept = kept
        self._contexts: OrderedDict[tuple[str, str], ssl.SSLContext] = OrderedDict()

    def context(self, device: str, address: str, kind: str) -> ssl.SSLContext:
        """`kind`: `self-signed`, `factory-ca`, `expired`, or `other` (a second self-signed one)."""
        known = self._contexts.get((device, kind))
        if known is None:
            known = _context(self.pem(device, address, kind), self._kept.folder)
            self._contexts[device, kind] = known
            if len(self._contexts) > CONTEXTS_KEPT:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end((device, kind))
        return known

    def pem(self, device: str, address: str, kind: str) -> str:
        """Private key and certificate. A certificate for another address is replaced: the device was moved."""
        kept = self._kept.get(device, f"certificate-{kind}")
        if kept is not None and kept["address"] == address:
            return kept["pem"]
        issuer = self._factory() if kind == "factory-ca" else None
        pem = _made(device, address, issuer, expired=kind == "expired")
        self._kept.put(device, f"certificate-{kind}", {"address": address, "pem": pem})
        return pem

    def factory_ca(self) -> str:
        """The certificate of the maker who signs `factory-ca` certificates, as PEM."""
        _key, certificate = self._factory()
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _factory(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        pem = self._kept.get(_CA, "ca")
        if pem is None:
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Edgewright Lab factory CA")])
            builder = _builder(name, name, key, datetime.now(UTC) - timedelta(days=400), 7300)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            pem = _pem(key, builder.sign(key, hashes.SHA256()))
            self._kept.put(_CA, "ca", pem)
        key = serialization.load_pem_private_key(pem.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the factory's key is no EC key")
        return key, x509.load_pem_x509_certificate(pem[pem.index("-----BEGIN CERTIFICATE") :].encode())


def _made(
    device: str, address: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None, *, expired: bool
) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    since = datetime.now(UTC) - timedelta(days=400 if expired else 30)
    signer, signer_name = (issuer[0], issuer[1].subject) if issuer else (key, name)
    builder = _builder(name, signer_name, key, since, 365 if expired else 3650)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName(device)])
    builder = builder.add_extension(alternative, critical=False)
    # A self-signed certificate is its own trust anchor, so that a client can pin it as its CA file.
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    return _pem(key, builder.sign(signer, hashes.SHA256()))


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=days))
    )


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _context(pem: str, folder: Path) -> ssl.SSLContext:
    """The ssl module reads only files: the PEM is one (0600) for as long as that takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor, path = tempfile.mkstemp(dir=folder, suffix=".pem")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context
