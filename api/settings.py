"""Where the API listens and what it talks to, from the environment. The stores read theirs in `store/settings.py`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_", extra="ignore")

    api_host: str = "127.0.0.1"
    api_port: int = 8700
    api_url: str = ""
    """How others reach this API, for links; where it listens if empty."""
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "edgewright"
    temporal_tls: bool = False
    temporal_ca_file: Path | None = None
    temporal_client_certificate_file: Path | None = None
    temporal_client_key_file: Path | None = None
    temporal_api_key_file: Path | None = None
    temporal_ui_url: str = ""
    """Empty: operations carry no link to the Temporal UI."""
    netbox_url: str = ""
    netbox_token_file: Path | None = None
    netbox_ca_file: Path | None = None
    webhook_urls: str = ""
    """Where new findings and blocked operations are sent as CloudEvents; separated by commas."""
    artifact_limit_mib: int = 256

    @property
    def webhooks(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in self.webhook_urls.split(",") if url.strip())

    @property
    def public_url(self) -> str:
        host = f"[{self.api_host}]" if ":" in self.api_host else self.api_host
        return (self.api_url or f"http://{host}:{self.api_port}").rstrip("/")
