"""What a person does about a fault before they retry, at the device and at the product's command line."""

import json
import subprocess
import time
from collections.abc import Callable

from domain.unix_password import sha512_crypt
from tests.e2e.product import EDGEWRIGHT, Product
from tests.e2e.sites import DeclaredSite
from tests.faults.expected import LEAF, Cell

WINDOW_S = 16.0
"""EDGEWRIGHT_WORKER_LOCKOUT_WINDOW_S of the matrix's product: 900 s at a site."""
BY_HAND = "EWSECRET-set-by-hand-1"


def mend(product: Product, site: DeclaredSite, cell: Cell) -> None:
    site.lab.mend()


def mend_and_wait(product: Product, site: DeclaredSite, cell: Cell) -> None:
    """Sooner, a retry would only be told to leave the device alone."""
    site.lab.mend()
    time.sleep(WINDOW_S + 1)


def mend_and_restart(product: Product, site: DeclaredSite, cell: Cell) -> None:
    """The revision that hangs is gone with what was not saved."""
    site.lab.mend()
    site.lab.seed("switch-reboot", cell.target, seconds=2)
    while not site.lab.device(cell.target)["listening"]:
        time.sleep(0.1)


def enter_what_somebody_set(product: Product, site: DeclaredSite, cell: Cell) -> None:
    """The lab keeps an unknown password by refusing every one. Now it is one that somebody knows, and they enter it."""
    site.lab.mend()
    bmc = site.lab.redfish(cell.target)
    bmc.patch("/redfish/v1/AccountService/Accounts/1", json={"Password": BY_HAND}).raise_for_status()
    enter(product, site, cell.target, site.lab.login(cell.target).user)


def set_at_the_console_and_enter(product: Product, site: DeclaredSite, cell: Cell) -> None:
    """As the first login after unpacking demands."""
    user = {"cumulus": {"hashed-password": sha512_crypt(BY_HAND, "console")}}
    patch = {"system": {"aaa": {"user": user}}}
    site.lab.seed("switch-foreign-apply", cell.target, patch=json.dumps(patch))
    enter(product, site, LEAF, "cumulus")


def enter(product: Product, site: DeclaredSite, device: str, user: str) -> None:
    command = [EDGEWRIGHT, "credentials", "set", f"{site.name}/{device}", "--username", user]
    done = subprocess.run(
        command, input=f"{BY_HAND}\n", env=product.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert BY_HAND not in done.stdout + done.stderr


WALKS: dict[str, Callable[[Product, DeclaredSite, Cell], None]] = {
    "mend": mend,
    "mend, wait for the window": mend_and_wait,
    "mend, restart the switch": mend_and_restart,
    "enter the right password": enter_what_somebody_set,
    "set a password at the console, enter it": set_at_the_console_and_enter,
}
