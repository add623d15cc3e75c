"""NetBox: restored from the shipped dump on the first run, served by gunicorn from an environment of its own."""

import base64
import gzip
import hashlib
import hmac
import secrets as randomness
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from psycopg import sql

from domain.errors import Transient
from lab.embedded import netbox_environment, postgres, probing, processes
from lab.embedded.home import Home
from lab.embedded.ports import LOOPBACK, Ports
from lab.embedded.secret_files import SecretFiles
from lab.embedded.service import Service

ADMIN = "admin"
PEPPER_ID = 1
TOKEN_PREFIX = "nbt_"
PASSWORD_ROUNDS = 600_000
PROCESS_FILES = Path(__file__).parent / "netbox_process"


class NetBoxSchemaFailed(Transient):
    """The dump could not be restored, or a newer NetBox's migrations did not run."""

    kind = "netbox-schema-failed"


def url(ports: Ports) -> str:
    return f"http://{LOOPBACK}:{ports.netbox}"


def service(home: Home, ports: Ports) -> Service:
    def command() -> list[str]:
        configuration = str(PROCESS_FILES / "gunicorn.conf.py")
        arguments = ["-c", configuration, "--bind", f"{LOOPBACK}:{ports.netbox}"]
        return [str(netbox_environment.python()), "-m", "gunicorn", *arguments, "edgewright_netbox_wsgi:application"]

    return Service(
        name="netbox",
        title="NetBox",
        command=command,
        environment=environment(home, ports),
        depends_on=("postgres", "valkey"),
        folder=home.netbox,
        ports=(("netbox", ports.netbox),),
        url=url(ports),
        prepare=lambda: prepare(home, ports),
        ready=lambda: _answers(ports),
        ready_within_s=240,
        stop_grace_s=8,
    )


def environment(home: Home, ports: Ports) -> dict[str, str]:
    """What NetBox's processes are given: where things lie, never a secret."""
    return {
        "NETBOX_ROOT": str(home.netbox),
        "NETBOX_CONFIGURATION": "edgewright_netbox_configuration",
        "PYTHONPATH": str(PROCESS_FILES),
        "EDGEWRIGHT_NETBOX_SOCKETS": str(home.sockets),
        "EDGEWRIGHT_NETBOX_VALKEY_PORT": str(ports.valkey),
        "EDGEWRIGHT_NETBOX_SECRETS": str(home.secrets),
        "EDGEWRIGHT_NETBOX_MEDIA": str(home.netbox / "media"),
    }


def prepare(home: Home, ports: Ports) -> None:
    """The environment, the schema, the administrator and the token; each only if it is not there."""
    with ThreadPoolExecutor(1) as beside:
        made = beside.submit(netbox_environment.ensure, home.log_of("netbox"))
        restored = restore_into(home)
        _seed(home)
        made.result()
    _migrate(home, ports, restored)


def run_django(home: Home, ports: Ports, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of NetBox's own management commands; costs a Django boot (some 3 CPU seconds)."""
    return subprocess.run(
        [str(netbox_environment.python()), "-m", "netbox", *arguments],
        env=processes.clean_environment(environment(home, ports)),
        cwd=home.netbox,
        capture_output=True,
        text=True,
        check=False,
    )


def dump() -> Path:
    return netbox_environment.DATA / f"netbox-{netbox_environment.version()}.sql.gz"


def restore_into(home: Home, database: str = postgres.NETBOX) -> bool:
    """Fills an empty database from the dump in one transaction, so that a kill leaves it empty. True if it did.

    Raises:
        NetBoxSchemaFailed: with what Postgres said.
    """
    with postgres.connect(home, database, postgres.NETBOX) as connection:
        if connection.execute("SELECT to_regclass('public.django_migrations')").fetchone() != (None,):
            return False
    arguments = ["-h", str(home.sockets), "-U", postgres.NETBOX, "-q", "-1", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]
    done = subprocess.run(
        [postgres.program("psql"), "-X", *arguments, database],
        input=gzip.decompress(dump().read_bytes()),
        env=processes.clean_environment({}),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise NetBoxSchemaFailed(
            f"NetBox's schema could not be restored from {dump().name}: {done.stderr.decode(errors='replace')[-600:]}",
            do="See: edgewright logs postgres",
        )
    return True


def replace_database(home: Home, ports: Ports, template: str) -> None:
    """Puts a clone of `template` in the place of NetBox's database while NetBox runs; for tests. Its connections are cut, and
    it makes new ones; its cache is emptied."""
    name, like = sql.Identifier(postgres.NETBOX), sql.Identifier(template)
    with postgres.connect(home) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(name, name, like))
    _seed(home)
    with socket.create_connection((LOOPBACK, ports.valkey), timeout=5) as valkey:
        valkey.sendall(b"FLUSHALL\r\n")
        valkey.recv(5)


def _migrate(home: Home, ports: Ports, restored: bool) -> None:
    """A state folder made with another NetBox gets this one's migrations; the dump already has them."""
    record = home.netbox / "version"
    version = netbox_environment.version()
    if not restored and (not record.exists() or record.read_text() != version):
        done = run_django(home, ports, "migrate", "--no-input")
        if done.returncode != 0:
            raise NetBoxSchemaFailed(
                f"NetBox {version} could not migrate its database: {done.stderr[-600:]}",
                do="See: edgewright logs netbox",
            )
    record.write_text(version)


def _seed(home: Home) -> None:
    """The administrator and the product's API token, written as NetBox itself would, without a Django boot of 8 CPU seconds.

    An administrator who is there is left alone: a person may have changed the password. A token file that no longer
    fits its row (another pepper, a deleted row) is mended.
    """
    files = SecretFiles(home.secrets)
    token = files.netbox_token()
    key, _, plain = token.removeprefix(TOKEN_PREFIX).partition(".")
    digest = hmac.new(files.netbox_pepper().encode(), plain.encode(), hashlib.sha256).hexdigest()
    with postgres.connect(home, postgres.NETBOX, postgres.NETBOX) as database, database.transaction():
        found = database.execute("SELECT id FROM users_user WHERE username = %s", [ADMIN]).fetchone()
        if not found:
            found = database.execute(
                "INSERT INTO users_user (username, password, is_superuser, is_active, first_name, last_name, email, date_joined)"
                " VALUES (%s, %s, true, true, '', '', '', now()) RETURNING id",
                [ADMIN, _django_password(files.netbox_admin_password())],
            ).fetchone()
        assert found
        database.execute(
            "INSERT INTO users_token (user_id, version, key, pepper_id, hmac_digest, created, write_enabled, enabled,"
            " description) VALUES (%s, 2, %s, %s, %s, now(), true, true, 'Edgewright')"
            " ON CONFLICT (key) DO UPDATE SET hmac_digest = EXCLUDED.hmac_digest, pepper_id = EXCLUDED.pepper_id",
            [found[0], key, PEPPER_ID, digest],
        )


def _django_password(password: str) -> str:
    """Django's storage format for PBKDF2; it raises the rounds to its own default at the first sign-in."""
    salt = randomness.token_hex(11)
    derived = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), PASSWORD_ROUNDS)
    return f"pbkdf2_sha256${PASSWORD_ROUNDS}${salt}${base64.b64encode(derived).decode()}"


def _answers(ports: Ports) -> bool:
    """403 is an answer too: the status needs a token, and a probe should not carry one."""
    return probing.get(f"{url(ports)}/api/status/").status_code in (httpx.codes.OK, httpx.codes.FORBIDDEN)
