"""NetBox as `up` makes it: from the shipped dump, with the administrator and token written beside Django."""

import gzip
import re

import httpx
import pytest

from lab.embedded import Home, Stack
from lab.embedded import netbox as embedded_netbox
from lab.embedded import postgres as embedded_postgres
from lab.embedded.secret_files import SecretFiles
from tests.conftest import RunningNetBox

pytestmark = pytest.mark.services


def client(running: RunningNetBox) -> httpx.Client:
    headers = {"Authorization": f"Bearer {running.token}"}
    return httpx.Client(base_url=running.url, headers=headers, trust_env=False, timeout=60)


def test_the_shipped_dump_needs_no_migration(netbox: RunningNetBox, session_stack: Stack) -> None:
    done = embedded_netbox.run_django(session_stack.home, session_stack.ports, "migrate", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shipped_dump_holds_no_user_token_or_session() -> None:
    text = gzip.decompress(embedded_netbox.dump().read_bytes()).decode()
    for table in ("users_user", "users_token", "django_session", "core_job"):
        rows = re.search(rf"COPY public\.{table} \([^)]*\) FROM stdin;\n(.*?)\\\.", text, re.DOTALL)
        assert rows is not None, table
        assert rows[1] == "", table


def test_the_token_may_write(clean_netbox: RunningNetBox) -> None:
    with client(clean_netbox) as http:
        made = http.post("/api/dcim/sites/", json={"name": "Oslo 3", "slug": "oslo-3"})
        assert made.status_code == 201, made.text
        assert http.get("/api/dcim/sites/").json()["count"] == 1


def test_a_clean_netbox_has_nothing_of_the_test_before(clean_netbox: RunningNetBox) -> None:
    with client(clean_netbox) as http:
        assert http.get("/api/dcim/sites/").json()["count"] == 0


def test_a_wrong_secret_behind_the_right_key_is_refused(netbox: RunningNetBox) -> None:
    key = netbox.token.partition(".")[0]
    headers = {"Authorization": f"Bearer {key}.{'x' * 40}"}
    assert httpx.get(f"{netbox.url}/api/dcim/sites/", headers=headers, trust_env=False, timeout=60).status_code == 403


def test_the_administrator_signs_in_with_the_generated_password(netbox: RunningNetBox, session_stack: Stack) -> None:
    password = SecretFiles(session_stack.home.secrets).netbox_admin_password()
    with httpx.Client(base_url=netbox.url, trust_env=False, timeout=60) as http:
        form = http.get("/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert found
        fields = {"username": "admin", "password": password, "csrfmiddlewaretoken": found[1]}
        answer = http.post("/login/", data=fields, headers={"Referer": netbox.url})
        assert answer.status_code == 302
        assert "sessionid" in http.cookies


def test_style_sheets_and_scripts_are_served_without_a_web_server(netbox: RunningNetBox) -> None:
    with httpx.Client(base_url=netbox.url, trust_env=False, timeout=60) as http:
        files = set(re.findall(r'/static/[^"?]+\.(?:css|js)', http.get("/login/").text))
        assert files
        assert {file: http.get(file).status_code for file in files} == dict.fromkeys(files, 200)


def test_a_password_that_a_person_changed_is_left_alone(netbox: RunningNetBox, session_stack: Stack) -> None:
    home = session_stack.home
    with embedded_postgres.connect(home, "netbox", "netbox") as database:
        before = database.execute("SELECT password FROM users_user WHERE username = 'admin'").fetchone()
        database.execute("UPDATE users_user SET password = 'changed' WHERE username = 'admin'")
        try:
            embedded_netbox.prepare(home, session_stack.ports)
            assert database.execute("SELECT password FROM users_user WHERE username = 'admin'").fetchone() == (
                "changed",
            )
            assert database.execute("SELECT count(*) FROM users_token").fetchone() == (1,)
        finally:
            assert before
            database.execute("UPDATE users_user SET password = %s WHERE username = 'admin'", [before[0]])


def test_no_process_of_netbox_shows_a_secret_in_its_environment(session_stack: Stack) -> None:
    environment = "\n".join(embedded_netbox.environment(session_stack.home, session_stack.ports).values())
    folder = Home.of(session_stack.home.root).secrets
    SecretFiles(folder).ensure_all()
    for file in folder.iterdir():
        if file.is_file():
            assert file.read_text().strip() not in environment
