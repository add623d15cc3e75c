"""The onboardings in which things are killed: between them they run every step that onboarding has."""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.e2e.product import ENDED, Product
from tests.e2e.sites import DeclaredSite, declared_site

FAULTS = Path(__file__).parents[1] / "faults"
LAB_FACTOR = 40.0
LOCKOUT_WINDOW_S = "8"
"""Longer than the BMCs of the lab count failed tries: 300 s, at this factor 7.5 s."""

DEVICE_ANSWER_S = "20"
"""What is dead refuses at once; what lives may be slow on a busy machine."""

GROWN_BY = "r1-s02"
"""Declared by its serial only, and in the scenario `grown` not declared at first."""
_REPORT = "acceptance_report: {installer: lab-installer, file: report.json}\n"


@dataclass
class Scenario:
    """A site, and an onboarding of it. `prepare`, then `start`, then, whatever happens meanwhile, `finish`."""

    product: Product
    site: DeclaredSite
    plan_hash: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def prepare(self) -> None:
        """A new site: its report was signed, one of its servers is declared by its serial only."""
        self.product.declare(self.site)

    def start(self) -> dict[str, Any]:
        return self.product.start_apply(self.site, self.plan_hash, self.key)

    def finish(self, operation: dict[str, Any]) -> dict[str, Any]:
        return self.product.reaches(operation, ENDED | {"blocked"})


class Grown(Scenario):
    """A server is ours already when the other is declared as well; what is applied is the plan that was made of that."""

    def prepare(self) -> None:
        lines = self.site.text.splitlines(keepends=True)
        smaller = "".join(line for line in lines if GROWN_BY not in line and line != _REPORT)
        self.product.declare(self.site, smaller)
        assert self.product.apply(self.site)["state"] == "succeeded"
        self.product.declare(self.site)
        self.plan_hash = self.product.plan(self.site)["plan_hash"]


class Held(Scenario):
    """A person holds the site before the onboarding, and releases it when it waits."""

    def prepare(self) -> None:
        super().prepare()
        place = {"region": "nordics", "site": self.site.name}
        self._hold = self.product.api.post("/v1/holds", {"place": place, "reason": "a visit"})

    def finish(self, operation: dict[str, Any]) -> dict[str, Any]:
        held = self.product.reaches(operation, ENDED | {"blocked"})
        assert (held["state"], [wait["kind"] for wait in held["waiting"]]) == ("blocked", ["hold"])
        self.product.api.post(f"/v1/holds/{self._hold['id']}/release", {"why": "the visit is over"})
        return self.product.reaches(operation, ENDED)


SCENARIOS: dict[str, type[Scenario]] = {"new": Scenario, "grown": Grown, "held": Held}


@contextmanager
def prepared(product: Product, name: str, folder: Path) -> Iterator[Scenario]:
    """Served at addresses of its own, declared, and ready to start."""
    with declared_site("two-servers", folder, of=FAULTS, time_factor=LAB_FACTOR) as served:
        known = re.sub(rf"(name: {GROWN_BY},.*), bmc_address: [\d.]+", r"\1", served.text)
        assert known != served.text
        site = replace(served, text=known + _REPORT, report=_report(served))
        scenario = SCENARIOS[name](product, site)
        scenario.prepare()
        yield scenario


def _report(site: DeclaredSite) -> bytes:
    test = {"name": "gpu-burn", "result": "passed", "by": "Kari Nordmann", "at": "2026-11-01T10:00:00Z"}
    serials = [server.serial for server in site.lab.spec.server_by_name.values()]
    report = {
        "format": "edgewright.acceptance-report/1",
        "report": "LAB-TWO-1-SAT",
        "site": site.name,
        "installer": "lab-installer",
        "issued_at": "2026-11-01T12:00:00Z",
        "servers": [{"serial": serial, "tests": [test]} for serial in serials],
    }
    return json.dumps(report).encode()
