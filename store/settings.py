"""Where the stores are, from the environment. A devices worker needs only the secrets and the artifacts."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from store.migrating import RUNTIME_ROLE


class StoreSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_", extra="ignore")

    database_url: str = ""
    migrations_database_url: str = ""
    """The owner's role; only `bootstrap` needs it."""
    database_role: str = RUNTIME_ROLE
    secrets_dir: Path = Path("~/.edgewright/secrets/store").expanduser()
    artifacts_dir: Path = Path("~/.edgewright/artifacts").expanduser()
    artifacts_url: str = ""
    """Our API, for a worker that shares no folder with it."""
    artifacts_token_file: Path | None = None
    artifacts_ca_file: Path | None = None
    vault_url: str = ""
    """Vault or OpenBao, in place of `secrets_dir`."""
    vault_token_file: Path | None = None
    vault_ca_file: Path | None = None
    vault_mount: str = "secret"
    vault_prefix: str = "edgewright"
    vault_namespace: str = ""
    ledger_key_file: Path = Path("~/.edgewright/secrets/ledger-key.pem").expanduser()
    """The signing key; only the control worker reads it."""
    ledger_public_key_file: Path | None = None
    """Its public half; beside the key if not given."""

    @property
    def ledger_public_key(self) -> Path:
        return self.ledger_public_key_file or self.ledger_key_file.with_suffix(".pub")
