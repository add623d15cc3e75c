"""The secrets that `up` generates: one file each, mode 0600, in a folder that only its owner may enter. Never printed."""

import os
import secrets
import string
from pathlib import Path

ALPHANUMERIC = string.ascii_letters + string.digits
NETBOX_KEY_LENGTH = 12
NETBOX_TOKEN_LENGTH = 40


class SecretFiles:
    """Each method gives the secret, made on the first call; a file that exists is never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def api_admin_token_file(self) -> Path:
        return self._folder / "api-admin-token"

    @property
    def netbox_token_file(self) -> Path:
        return self._folder / "netbox-token"

    @property
    def ledger_key_file(self) -> Path:
        """Made by the product, which alone signs with it."""
        return self._folder / "ledger-signing-key"

    def ensure_all(self) -> None:
        for make in (
            self.api_admin_token,
            self.netbox_token,
            self.netbox_pepper,
            self.netbox_secret_key,
            self.netbox_admin_password,
        ):
            make()

    def api_admin_token(self) -> str:
        return _kept(self.api_admin_token_file, f"edgewright_{secrets.token_urlsafe(32)}")

    def netbox_token(self) -> str:
        """NetBox's version 2 format: a key that is stored, a secret of which only the keyed digest is."""
        return _kept(self.netbox_token_file, f"nbt_{_letters(NETBOX_KEY_LENGTH)}.{_letters(NETBOX_TOKEN_LENGTH)}")

    def netbox_pepper(self) -> str:
        return _kept(self._folder / "netbox-token-pepper", _letters(64))

    def netbox_secret_key(self) -> str:
        return _kept(self._folder / "netbox-secret-key", _letters(64))

    def netbox_admin_password(self) -> str:
        return _kept(self._folder / "netbox-admin-password", _letters(24))


def _kept(file: Path, candidate: str) -> str:
    """The file's content, or the candidate after it is safely in the file; never a half-written one."""
    if file.exists():
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        return file.read_text().strip()
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(candidate + "\n")
        output.flush()
        os.fsync(output.fileno())
    temporary.replace(file)
    return candidate


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(count))
