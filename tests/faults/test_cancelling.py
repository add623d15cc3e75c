"""An onboarding that is cancelled in the middle leaves nothing half: no change comes after its end, no password is lost, nothing points
at what is not there; and onboarding again brings the site in order."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.records import from_json, links_of
from domain.secret import CredentialSlot, Login, SecretRef
from store.secret_files import SecretFiles
from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import EDGEWRIGHT, Product
from tests.e2e.sites import DeclaredSite
from tests.faults.test_fault_matrix import lifecycles

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
TIME_FACTOR = 0.05
CANCELLED = 12
"""The exit code of the command line (docs/api.md)."""
SLOW_LAB_S = 10
"""Half a second for each answer: a take-over lasts long enough to be cancelled in its middle."""
LATER_S = 5.0


class Keys:
    """What the secret store says, held against what each device takes."""

    def __init__(self, product: Product, site: DeclaredSite) -> None:
        self._secrets = SecretFiles(Path(product.environment["EDGEWRIGHT_SECRETS_DIR"]))
        self._site = site

    def pending(self, device: str) -> bool:
        return self._secrets.credential_state(self._site.name, device).has_pending

    def left(self, device: str) -> tuple[bool, bool, int]:
        """Ours, pending, and tries that are not accounted for."""
        state = self._secrets.credential_state(self._site.name, device)
        return state.has_current, state.has_pending, len(state.tries)

    def opens(self, device: str, slot: CredentialSlot) -> bool:
        login = self._login(device, slot)
        if device in self._site.servers:
            client = self._site.lab.redfish(device, user=login.username, password=login.password.get_secret_value())
            return client.get("/redfish/v1/Systems").status_code == 200
        answer = httpx.get(
            f"{self._site.lab.switch_url(device)}/nvue_v1/system",
            auth=(login.username, login.password.get_secret_value()),
            verify=False,
            trust_env=False,
        )
        return answer.status_code == 200

    def _login(self, device: str, slot: CredentialSlot) -> Login:
        if slot is not CredentialSlot.FACTORY:
            return self._secrets.credential(self._site.name, device, slot)
        kind = "bmc" if device in self._site.servers else "switch"
        return self._secrets.get(SecretRef(path=f"site/{self._site.name}/factory-{kind}"))


def devices(site: DeclaredSite) -> tuple[str, ...]:
    return (*site.servers, *site.lab.spec.switch_by_name)


def changed(site: DeclaredSite) -> dict[str, list[Any]]:
    return {name: [entry["what"] for entry in site.lab.changes(name)] for name in devices(site)}


def dangling(product: Product, site: DeclaredSite) -> list[str]:
    """Records that point at one that is not there. Bootstrap's own (roles) are in no site's file."""
    records = InventoryInFile(Path(product.environment["TEST_INVENTORY"])).kept(site.name)["records"]
    ours = {name.partition("/")[0] for name in records}
    return [
        f"{name} {field} → {link.object}"
        for name, row in records.items()
        for field, value in row["fields"].items()
        for link in links_of(from_json(value))
        if link.object not in records and link.endpoint.value in ours
    ]


def cancelled_by_command(product: Product, operation: dict[str, Any]) -> dict[str, Any]:
    command = [EDGEWRIGHT, "cancel", operation["id"], "--why", "wrong site", "--wait"]
    done = subprocess.run(command, env=product.environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == CANCELLED, done.stdout + done.stderr
    return product.api.get(f"/v1/operations/{operation['id']}")


@pytest.mark.parametrize("middle", ["r1-leaf-a", "r1-s01"])
def test_what_is_cancelled_while_a_password_is_on_its_way_loses_none_and_is_onboarded_again(
    matrix_product: Product, serve: Callable[..., DeclaredSite], middle: str
) -> None:
    product, site = matrix_product, serve("two-servers", of=HERE)
    keys = Keys(product, site)
    product.declare(site)
    slow = site.lab.seed("slow", middle, seconds=SLOW_LAB_S)
    operation = product.start_apply(site)
    until(lambda: keys.pending(middle), product, operation)

    ended = cancelled_by_command(product, operation)
    assert (ended["state"], ended["waiting"]) == ("cancelled", [])
    at_its_end, credentials = changed(site), {name: keys.left(name) for name in devices(site)}
    time.sleep(LATER_S)
    assert changed(site) == at_its_end, "nothing works on at a device whose lock is free"
    assert {name: keys.left(name) for name in devices(site)} == credentials

    for name, (ours, pending, _) in credentials.items():
        may = [CredentialSlot.CURRENT if ours else CredentialSlot.FACTORY]
        may += [CredentialSlot.PENDING] if pending else []
        assert [slot for slot in may if keys.opens(name, slot)], f"{name} is opened by what is known of it"
        assert pending <= (name == middle or name in site.servers), f"nobody was giving {name} a password"
    assert dangling(product, site) == []
    assert "quarantined" not in lifecycles(product, site).values()

    site.lab.mend(slow)
    done = product.apply(site)
    assert done["state"] == "succeeded", (done["outcome"], product.findings(site))
    assert lifecycles(product, site) == dict.fromkeys(site.servers, "available")
    assert product.findings(site) == []
    assert {name: keys.left(name) for name in devices(site)} == dict.fromkeys(devices(site), (True, False, 0))
    assert all(keys.opens(name, CredentialSlot.CURRENT) for name in devices(site))
    assert dangling(product, site) == []


def until(true: Callable[[], bool], product: Product, operation: dict[str, Any]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, product.api.get(f"/v1/operations/{operation['id']}/why")
        time.sleep(0.02)
