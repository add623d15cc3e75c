"""Tickets: a token, and a certificate that is trusted because it came with the ticket and by nothing else."""

import datetime
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from domain.agent import AGENT_PORT, BootTicket

VALID = datetime.timedelta(days=2)
"""Longer than any boot lasts that somebody waits for. A server whose clock was never set is helped by the day before."""


def issue_ticket(server: str, serial: str, *, home: str = "", port: int = AGENT_PORT) -> BootTicket:
    """A new ticket for one boot of one server. Nothing is kept here."""
    key = ec.generate_private_key(ec.SECP256R1())
    boot = secrets.token_hex(8)
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"agent-{boot}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return BootTicket(
        boot=boot,
        server=server,
        serial=serial,
        token=SecretStr(secrets.token_urlsafe(32)),
        certificate_pem=certificate.public_bytes(pem).decode(),
        key_pem=SecretStr(key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()),
        port=port,
        home=home,
    )
