"""The environment contract with the product's processes: they read exactly these variables, wherever they run."""

import os
from collections.abc import Mapping

from lab.embedded import netbox, postgres, temporal
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.secret_files import SecretFiles


def product_environment(home: Home, ports: Ports) -> dict[str, str]:
    """Where everything is. Paths of secret files, never a secret."""
    files = SecretFiles(home.secrets)
    return {
        "EDGEWRIGHT_HOME": str(home.root),
        "EDGEWRIGHT_DATABASE_URL": postgres.url(home, postgres.RUNTIME_ROLE),
        "EDGEWRIGHT_MIGRATIONS_DATABASE_URL": postgres.url(home, postgres.OWNER),
        "EDGEWRIGHT_TEMPORAL_ADDRESS": temporal.address(ports),
        "EDGEWRIGHT_TEMPORAL_NAMESPACE": temporal.NAMESPACE,
        "EDGEWRIGHT_TEMPORAL_UI_URL": f"http://{LOOPBACK}:{ports.temporal_ui}",
        "EDGEWRIGHT_NETBOX_URL": netbox.url(ports),
        "EDGEWRIGHT_NETBOX_TOKEN_FILE": str(files.netbox_token_file),
        "EDGEWRIGHT_SECRETS_DIR": str(home.secrets / "store"),
        "EDGEWRIGHT_ARTIFACTS_DIR": str(home.artifacts),
        "EDGEWRIGHT_LEDGER_KEY_FILE": str(files.ledger_key_file),
        "EDGEWRIGHT_API_HOST": LOOPBACK,
        "EDGEWRIGHT_API_PORT": str(ports.api),
        "EDGEWRIGHT_API_URL": f"http://{LOOPBACK}:{ports.api}",
        "EDGEWRIGHT_TOKEN_FILE": str(files.api_admin_token_file),
        "EDGEWRIGHT_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "EDGEWRIGHT_LOG_FORMAT": os.environ.get("EDGEWRIGHT_LOG_FORMAT", "plain"),
    }


def write(home: Home, environment: Mapping[str, str]) -> None:
    """Into settings.env, by which any `edgewright` command in any shell finds the running system."""
    text = "# Written by `edgewright up`; a variable of the shell wins over this file. Paths of secrets, no secrets.\n"
    text += "".join(f"{name}={value}\n" for name, value in environment.items())
    temporary = home.settings_file.with_suffix(".new")
    temporary.write_text(text)
    temporary.chmod(0o600)
    temporary.replace(home.settings_file)
