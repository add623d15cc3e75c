"""What a worker must know, from the environment (`EDGEWRIGHT_…`). The devices worker of a site needs neither NetBox nor Postgres."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from clients.netbox import NetBoxSession
from domain.errors import Rejected
from domain.order import CONTROL_QUEUE, DEVICES_QUEUE


def written_by_up() -> Path:
    """$EDGEWRIGHT_HOME/settings.env, where commands that a person types look for what the shell has not set."""
    return Path(os.environ.get("EDGEWRIGHT_HOME") or "~/.edgewright").expanduser() / "settings.env"


class SettingsIncomplete(Rejected):
    """Something that this process cannot do without is not set."""

    kind = "settings-incomplete"


class TemporalSettings(BaseSettings):
    """Ours, or a customer's cluster: then with TLS and an API key or a client certificate."""

    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_TEMPORAL_", extra="ignore")

    address: str = "127.0.0.1:7233"
    namespace: str = "edgewright"
    tls: bool = False
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    api_key_file: Path | None = None


class NetBoxSettings(BaseSettings):
    """Ours, or a customer's. Only the control queue and bootstrap need it."""

    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_NETBOX_", extra="ignore")

    url: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None

    def session(self) -> NetBoxSession:
        """Opens nothing yet. Raises `SettingsIncomplete`."""
        if not self.url or self.token_file is None:
            raise SettingsIncomplete(
                "EDGEWRIGHT_NETBOX_URL and EDGEWRIGHT_NETBOX_TOKEN_FILE are not both set.",
                do="Run `edgewright up`, or name a NetBox and a file with an API token that may write there.",
            )
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsIncomplete(
                f"The NetBox token file {self.token_file} cannot be read: {error.strerror}.",
                do="Correct EDGEWRIGHT_NETBOX_TOKEN_FILE or the file's mode.",
            ) from error
        return NetBoxSession(self.url, token, ca_bundle=str(self.ca_file) if self.ca_file else None)


class WorkerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_WORKER_", extra="ignore")

    queues: str = f"{CONTROL_QUEUE},{DEVICES_QUEUE}"
    """Comma-separated: `control`, `devices`, or a site's own `edge-{site}`."""
    metrics_port: int = Field(default=8703, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"
    control_threads: int = Field(default=16, ge=1)
    devices_threads: int = Field(default=32, ge=1)
    """How many devices are spoken to at once."""
    cached_workflows: int = Field(default=600, ge=0)
    graceful_stop_s: float = Field(default=20, ge=0)
    lockout_window_s: float = Field(default=900, gt=0)
    """How long a failed login is taken to count at a device that does not say so itself: longer than vendors' own times."""
    device_answer_s: float = Field(default=30, gt=0)
    """How long a BMC or switch may take to answer one request: BMCs that are busy take long."""
    secret_marker: str = ""
    """Stands in front of every password that is generated for a device, so that tests find one that leaked."""

    @property
    def queue_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.strip() for name in self.queues.split(",") if name.strip()))
