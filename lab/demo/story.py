"""The steps of the demo, as a user would take them: through the API, and by hand in the lab."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.client import ApiClient
from cli.watching import OPEN, watch
from domain.errors import Rejected
from lab.virtual.running import RunningSite
from lab.virtual.sitefile import Site

SITES = (Path(__file__).resolve().parents[2] / "sites", Path(__file__).resolve().parents[1] / "sites")
"""In a checkout, and in an installed wheel."""


@dataclass(frozen=True)
class SeededFault:
    kind: str
    target: str
    arguments: dict[str, str] = field(default_factory=dict)
    told: str = ""


FAULTS = (
    SeededFault(
        "cable-swapped",
        "r1-leaf-a:swp2",
        {"with": "r1-leaf-a:swp3"},
        "The installer swapped two cables at r1-leaf-a: swp2 and swp3.",
    ),
    SeededFault("gpu-missing", "r1-s04", {"part": "GPU3"}, "One of the four GPUs of r1-s04 is not seated."),
)


def site_files(name: str) -> tuple[Path, Path]:
    """A shipped site file and its declaration. Raises `Rejected` if this installation has none."""
    for folder in SITES:
        site, declaration = folder / f"{name}.yaml", folder / f"{name}.declaration.yaml"
        if site.exists() and declaration.exists():
            return site, declaration
    raise Rejected(f"The site {name} is not part of this installation.", do="Run the demo from a checkout: make demo")


_LAB_ADDRESS = re.compile(r"\b127\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+\b")


def moved(declaration: Path, offset: int, to: Path) -> Path:
    """The declaration for a lab that is served at other addresses, written to `to`; itself if it is served at its own."""
    if not offset:
        return declaration
    text = _LAB_ADDRESS.sub(lambda found: str(IPv4Address(found[0]) + offset), declaration.read_text())
    to.write_text(text)
    return to


class Story:
    """One telling: `api` as a person's CLI, `lab` as a person's hands."""

    def __init__(self, api: ApiClient, lab: RunningSite, site: Site, out: Console) -> None:
        self.api, self._lab, self._site, self._out = api, lab, site, out

    def store_factory_logins(self) -> None:
        """What the installer wrote on a sheet of paper: the devices' first passwords."""
        name = self._site.site
        for what, login in self._site.logins.items():
            body = {"username": login.user, "password": login.password}
            self.api.put(f"/v1/secrets/site/{name}/factory-{what}", body)
        self._out.print("The factory passwords are in the secret store; declarations only name them.")

    def wait_for_earlier_operations(self) -> None:
        """A demo that was cut off may have left an operation; it goes on by itself and is followed to its end."""
        for operation in list(self.api.items("/v1/operations")):
            ours = operation["target"] == self._site.site and operation["kind"] == "site-onboarding"
            if ours and operation["state"] in OPEN:
                self._out.print(f"An earlier demo's {operation['id']} goes on:")
                watch(self.api, operation["id"], until_blocked=True)

    def break_things(self) -> None:
        for seeded in self._lab.call("GET", "/faults"):
            self._lab.call("DELETE", f"/faults/{seeded['id']}")
        for fault in FAULTS:
            body = {"kind": fault.kind, "target": fault.target, "arguments": fault.arguments, "times": None}
            self._lab.call("POST", "/faults", body)
            self._out.print(f"- {fault.told}")

    def mend_things(self) -> None:
        for seeded in reversed(self._lab.call("GET", "/faults")):
            self._lab.call("DELETE", f"/faults/{seeded['id']}")
            self._out.print(f"- mended: {seeded['kind']} on {seeded['target']}")

    def apply(self, plan_hash: str) -> str:
        operation = self.api.post(f"/v1/sites/{self._site.site}/apply", {"plan_hash": plan_hash})
        self._out.print(f"Applying exactly that plan: {operation['id']}")
        return operation["id"]

    def retry(self, operation: str) -> str:
        taken = self.api.post(f"/v1/operations/{operation}/retry", {"why": "mended on site"})
        self._out.print(f"Retrying what is left: {taken['operation']}")
        return taken["operation"]

    def explain(self, operation: str) -> None:
        """The findings, in the words that a technician gets."""
        for finding in self.api.items("/v1/findings", site=self._site.site):
            if finding["severity"] == "critical":
                self._out.print(f"[red]{finding['kind']}[/red]  {finding['message']}")
                self._out.print(f"    → {finding['do']}")
        self._out.print(f"Why it is not done: edgewright why {operation}")

    def show_servers(self) -> bool:
        """Every server with its state. True if all of them are available."""
        servers = sorted(self.api.items("/v1/servers", site=self._site.site), key=lambda server: server["name"])
        for server in servers:
            colour = "green" if server["lifecycle"] == "available" else "red"
            self._out.print(f"  {server['name']}  [{colour}]{server['lifecycle']}[/{colour}]  {_parts(server)}")
        return bool(servers) and all(server["lifecycle"] == "available" for server in servers)


def _parts(server: dict[str, Any]) -> str:
    return ", ".join(f"{server[key]}" for key in ("server_class", "serial", "rack") if server.get(key))
