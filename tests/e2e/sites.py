"""Sites for tests of the whole product: a shipped (or a test's own) site file served at addresses of its own, and the
declaration that goes with it, each under a site name of its own, so that one product may onboard many of them."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from domain.documents import read_documents
from tests.lab.virtual.site_fixtures import SITES, TIME_FACTOR, TestSite, running_site

_ADDRESS = re.compile(r"\b127\.64\.\d+\.\d+\b")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class DeclaredSite:
    """A served site and what the admin declares of it. `text`: the declaration's file, for growing or changing it."""

    name: str
    lab: TestSite
    text: str
    report: bytes = b""
    """The installer's acceptance report, if one lies beside the declaration."""

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [document for document in read_documents(self.text) if isinstance(document, dict)]

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(self.lab.spec.server_by_name)

    def factory_logins(self) -> dict[str, tuple[str, str]]:
        """Secret path to user and password, as the declaration names them."""
        logins = self.lab.spec.logins
        return {f"site/{self.name}/factory-{kind}": (login.user, login.password) for kind, login in logins.items()}


@contextlib.contextmanager
def declared_site(
    kind: str,
    folder: Path,
    *,
    of: Path = SITES,
    faults: list[dict[str, Any]] | None = None,
    time_factor: float = TIME_FACTOR,
) -> Iterator[DeclaredSite]:
    """Serves `{kind}.yaml` of the folder and shifts `{kind}.declaration.yaml` to where it is served."""
    original = re.search(r"^site: (\S+)$", (of / f"{kind}.yaml").read_text(), re.MULTILINE)
    assert original is not None
    name = f"{kind}-{next(_numbers)}"
    folder.mkdir(parents=True, exist_ok=True)
    site_file = folder / f"{name}.yaml"
    site_file.write_text((of / f"{kind}.yaml").read_text().replace(original[1], name))
    with running_site(site_file, folder, faults=faults, time_factor=time_factor) as lab:
        text = (of / f"{kind}.declaration.yaml").read_text().replace(original[1], name)
        report = of / f"{kind}.acceptance.json"
        content = report.read_text().replace(original[1], name).encode() if report.exists() else b""
        yield DeclaredSite(name, lab, _served_at(text, lab), content)


def _served_at(text: str, lab: TestSite) -> str:
    """Addresses moved by the lab's offset, and the ports on which its devices answer."""
    text = _ADDRESS.sub(lambda found: str(IPv4Address(found[0]) + lab.options.address_offset), text)
    text = re.sub(r"bmc_ports: \[[^]]*]", f"bmc_ports: [{lab.redfish_port}]", text)
    return re.sub(r"switch_ports: \[[^]]*]", f"switch_ports: [{lab.nvue_port}]", text)
