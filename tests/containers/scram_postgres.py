"""A Postgres as the one of docker-compose.yml: passwords by SCRAM over TCP, its roles made by deploy/postgres/roles.sql.

The program is the embedded one, since no image can be pulled here; it has no ICU, which roles.sql does not ask for.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.embedded import postgres as embedded
from lab.embedded.ports import free_ports

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "deploy/postgres/roles.sql"


@dataclass(frozen=True)
class ScramPostgres:
    port: int

    def url(self, role: str, database: str, password_file: str | Path) -> str:
        return f"postgresql+psycopg://{role}@127.0.0.1:{self.port}/{database}?passfile={password_file}"


@contextmanager
def running(folder: Path, secrets: Path) -> Iterator[ScramPostgres]:
    """Up inside the context; `secrets` is a folder that scripts/compose-secrets made."""
    data, port = folder / "data", free_ports().api
    # Postgres refuses uid 0.
    account = embedded.IN_USER_NAMESPACE if os.getuid() == 0 else ()
    initdb = [embedded.program("initdb"), "-D", str(data), "-U", "postgres", "--auth-host=scram-sha-256"]
    options = ["--auth-local=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([*account, *initdb, *options], check=True, capture_output=True)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
    control = [*account, embedded.program("pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    subprocess.run(
        [*control, "-o", " ".join(f"-c {name}={value}" for name, value in settings.items()), "start"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        _run_as_the_image_does(folder, port, secrets)
        yield ScramPostgres(port)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(data)


def _run_as_the_image_does(folder: Path, port: int, secrets: Path) -> None:
    """The secrets under the names that compose gives them inside the container."""
    mounted = folder / "run-secrets"
    mounted.mkdir()
    for file in (secrets / "postgres").iterdir():
        (mounted / f"postgres-{file.name}").symlink_to(file)
    psql = [embedded.program("psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--no-password", "-q"]
    done = subprocess.run(
        [*psql, "-h", str(folder), "-p", str(port), "-U", "postgres", "-d", "postgres", "-f", str(ROLES)],
        env={**os.environ, "EDGEWRIGHT_POSTGRES_SECRETS": str(mounted)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
