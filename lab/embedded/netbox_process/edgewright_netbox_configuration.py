"""NetBox's configuration (NETBOX_CONFIGURATION names this module). Everything that varies comes from EDGEWRIGHT_NETBOX_ variables;
secrets are read from files, so that no process shows them in its environment."""

import os
from pathlib import Path
from typing import Any

_given = {name.removeprefix("EDGEWRIGHT_NETBOX_"): value for name, value in os.environ.items()}


def _secret(name: str) -> str:
    return (Path(_given["SECRETS"]) / name).read_text().strip()


ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _given.get("DATABASE", "netbox"),
        "USER": "netbox",
        "PASSWORD": "",  # the socket's folder is closed to other users
        "HOST": _given["SOCKETS"],
        "PORT": "",
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,  # Postgres may have been restarted under us
    }
}
_valkey = {"HOST": "127.0.0.1", "PORT": int(_given["VALKEY_PORT"]), "USERNAME": "", "PASSWORD": "", "SSL": False}
REDIS = {"tasks": {**_valkey, "DATABASE": 0}, "caching": {**_valkey, "DATABASE": 1}}
SECRET_KEY = _secret("netbox-secret-key")
API_TOKEN_PEPPERS = {1: _secret("netbox-token-pepper")}
MEDIA_ROOT = _given["MEDIA"]
MAX_PAGE_SIZE = 5000
CENSUS_REPORTING_ENABLED = False
RELEASE_CHECK_URL = None
ISOLATED_DEPLOYMENT = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}


def _use_libc_where_icu_is_missing() -> None:
    """No Postgres on PyPI is built with ICU, which migration dcim.0197 asks for. libc's "C" differs only in the order of
    lists (eth10 before eth2). Matters only when migrations run: the shipped dump already has it."""
    from django.contrib.postgres.operations import CreateCollation  # pyright: ignore[reportMissingImports]

    original = CreateCollation.__init__

    def without_icu(self: Any, name: str, locale: str, *, provider: str = "libc", deterministic: bool = True) -> None:
        if provider == "icu":
            provider, locale = "libc", "C"
        original(self, name, locale, provider=provider, deterministic=deterministic)

    CreateCollation.__init__ = without_icu


_use_libc_where_icu_is_missing()
