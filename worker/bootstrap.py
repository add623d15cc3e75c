"""What must be there before the product runs: roles and tables, Temporal's namespace, NetBox's fields, the first token.

Each part is "ensure": it looks first, and on a second run changes nothing. All of it works on a customer's systems as well.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

import store
from clients.netbox import NetBoxInventory, NetBoxSession
from domain.access import Place, Role, token_digest
from domain.inventory import InventoryUnreachable
from store.access import TokenRows
from store.files import write_whole
from store.ledger import public_half, signing_key
from store.settings import StoreSettings
from worker.schedules import ScheduleSettings, ensure_schedules
from worker.settings import NetBoxSettings, SettingsIncomplete, TemporalSettings, written_by_up
from worker.temporal import connect_patiently, ensure

ADMIN_LABEL = "first admin, by bootstrap"


class FirstToken(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_", extra="ignore")

    token_file: Path | None = None
    """Holds the first administrator's API token. Made if it is missing; unset: no token is made."""


class Patience(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EDGEWRIGHT_BOOTSTRAP_", extra="ignore")

    wait_s: float = 60
    """How long Temporal and NetBox are waited for."""


@dataclass(frozen=True)
class BootstrapSettings:
    """Everything bootstrap needs to know."""

    stores: StoreSettings
    temporal: TemporalSettings
    netbox: NetBoxSettings
    token: FirstToken
    patience: Patience

    @staticmethod
    def of_environment() -> "BootstrapSettings":
        """A variable that is not set is looked for in settings.env, which `up` writes: so it also works by hand."""
        file = written_by_up()
        return BootstrapSettings(
            StoreSettings(_env_file=file),  # pyright: ignore[reportCallIssue]
            TemporalSettings(_env_file=file),  # pyright: ignore[reportCallIssue]
            NetBoxSettings(_env_file=file),  # pyright: ignore[reportCallIssue]
            FirstToken(_env_file=file),  # pyright: ignore[reportCallIssue]
            Patience(),
        )


type Say = Callable[[str], None]


async def bootstrap_from_environment(say: Say) -> None:
    count = await bootstrap(BootstrapSettings.of_environment(), say)
    say(f"Bootstrap: {count} changed." if count else "Bootstrap: everything was there, nothing changed.")


async def bootstrap(settings: BootstrapSettings, say: Say) -> int:
    """Ensures all parts, tells each thing that it made, and counts them. Parts run side by side; one failing stops none.

    Raises:
        SettingsIncomplete: something to bootstrap is not named.
        Rejected: something of our name is there and is another's; a person must settle it.
        Transient: a system did not answer.
    """
    session = settings.netbox.session()
    if not settings.stores.database_url:
        raise SettingsIncomplete("EDGEWRIGHT_DATABASE_URL is not set.", do="Name a Postgres, or run: edgewright up")
    parts = {
        "postgres": asyncio.to_thread(_postgres, settings.stores, settings.token.token_file),
        "temporal": _temporal(settings.temporal, settings.patience.wait_s),
        "netbox": asyncio.to_thread(_netbox, session, settings.patience.wait_s),
    }
    outcomes = await asyncio.gather(*parts.values(), return_exceptions=True)
    count = 0
    for name, outcome in zip(parts, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            say(f"{name}: failed, see below")
            continue
        count += len(outcome)
        for line in outcome:
            say(f"{name}: {line}")
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return count


async def _temporal(settings: TemporalSettings, wait_s: float) -> tuple[str, ...]:
    client = await connect_patiently(settings, within_s=wait_s)
    return (*await ensure(client), *await ensure_schedules(client, ScheduleSettings()))


def _netbox(session: NetBoxSession, wait_s: float) -> tuple[str, ...]:
    _wait_for(session, wait_s)
    return tuple(f"{made.kind} {made.name} ({made.what})" for made in NetBoxInventory(session).bootstrap().changed)


def _wait_for(session: NetBoxSession, wait_s: float) -> None:
    """Until NetBox answers: it boots for ten seconds or more, and everything else is ensured meanwhile."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            session.status()
            return
        except InventoryUnreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _postgres(settings: StoreSettings, token_file: Path | None) -> tuple[str, ...]:
    done: list[str] = []
    if settings.migrations_database_url:
        if store.ensure_role(settings.migrations_database_url, settings.database_role):
            done.append(f"role {settings.database_role}")
        migrated = store.migrate(settings.migrations_database_url, settings.database_role)
        done += [f"migration {revision}" for revision in migrated]
    elif pending := store.pending_migrations(settings.database_url):
        raise SettingsIncomplete(
            f"The database lacks the migrations {', '.join(pending)}, and EDGEWRIGHT_MIGRATIONS_DATABASE_URL is not set.",
            do="Name the database as the role that owns its tables, for this one run.",
        )
    if not settings.ledger_key_file.exists():
        signing_key(settings.ledger_key_file)
        done.append(f"signing key of the ledger in {settings.ledger_key_file}")
    done += _public_key_elsewhere(settings)
    if token_file is not None:
        done += _first_token(settings.database_url, token_file)
    return tuple(done)


def _public_key_elsewhere(settings: StoreSettings) -> list[str]:
    """Where the API may not see the key's folder, its public half is put where the API looks for it."""
    elsewhere = settings.ledger_public_key
    public = public_half(settings.ledger_key_file)
    if elsewhere == public:
        return []
    signing_key(settings.ledger_key_file)  # writes the public half, should it be missing
    if elsewhere.exists() and elsewhere.read_bytes() == public.read_bytes():
        return []
    write_whole(elsewhere, public.read_bytes())
    return [f"public key of the ledger in {elsewhere}"]


def _first_token(url: str, file: Path) -> list[str]:
    """An administrator of the whole fleet. A token that somebody revoked stays revoked."""
    done: list[str] = []
    if store.ensure_token_file(file):
        done.append(f"API token of the first administrator in {file}")
    digest = token_digest(file.read_text(encoding="utf-8").strip())
    engine = store.connect(url, pool_size=1)
    try:
        rows = TokenRows(engine)
        if rows.find(digest) is None:
            rows.add(digest, ADMIN_LABEL, Role.ADMIN, Place(), created_by="bootstrap", expires_at=None)
            done.append("first administrator's token registered")
    finally:
        engine.dispose()
    return done
