"""Plan, then apply, changes exactly what the plan said, by the logs of the inventory and of the devices; also as a site grows."""

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import matrix
from tests.e2e.inventory_in_file import InventoryInFile
from tests.e2e.product import Product
from tests.e2e.sites import DeclaredSite

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.matrix,
    pytest.mark.timeout(600),
]

FAULTS = Path(__file__).parents[1] / "faults"
NAMES_THE_OPERATION: frozenset[str] = frozenset()
"""Fields that name the operation: a plan is nobody's yet."""
EXAMPLES = range(12 if matrix.PROOF else 1)


def part_of(text: str, chosen: random.Random) -> str:
    """The declaration with only some of its servers and of the cables between what is left."""
    servers = {name for name in ("r1-s01", "r1-s02") if chosen.random() < 0.5}
    gone = {"r1-s01", "r1-s02"} - servers
    lines: list[str] = []
    for line in text.splitlines():
        of_gone = any(f"name: {name}," in line or f"- {name}:" in line for name in gone)
        cable = line.startswith("  - r1-") and ":" in line.split()[1]
        if of_gone or (cable and chosen.random() < 0.3):
            # An anchor on a line that goes is still referred to by those that stay.
            if "&installed" in line:
                text_of_anchor = line[line.index("&installed ") + len("&installed ") : -1]
                return part_of(text.replace("*installed", text_of_anchor).replace("&installed ", ""), chosen)
            continue
        lines.append(line)
    # A list that nothing is left of.
    return re.sub(r"^(servers|cables):\n(?!  - )", r"\1: []\n", "\n".join(lines) + "\n", flags=re.MULTILINE)


class Judge:
    """What was changed since it last looked, by the logs."""

    def __init__(self, product: Product, site: DeclaredSite) -> None:
        self._inventory = InventoryInFile(Path(product.environment["TEST_INVENTORY"]))
        self._site = site
        self._seen = 0
        self._device_seen: Counter[str] = Counter()

    def recorded(self) -> list[dict[str, Any]]:
        """Action, object, before and after of each change; a move is named as plans name it."""
        log = self._inventory.kept(self._site.name)["log"]
        new, self._seen = log[self._seen :], len(log)
        return [_as_planned(entry) if entry["action"] == "move" else entry for entry in new]

    def device_changes(self, name: str) -> list[dict[str, Any]]:
        told = [entry for entry in self._site.lab.changes(name) if not entry["what"].startswith("session-")]
        new = told[self._device_seen[name] :]
        self._device_seen[name] = len(told)
        return new


def _as_planned(move: dict[str, Any]) -> dict[str, Any]:
    object = f"{move['object']}/lifecycle/{move['after']}"
    return {"action": "update", "object": object, "before": move["before"], "after": move["after"]}


def values_differ(change: dict[str, Any], made: dict[str, Any]) -> list[str]:
    """Fields whose value before or after is another than the plan said. Of a new object only what it becomes was said."""
    sides = ("after",) if change["action"] == "create" else ("before", "after")
    return [f"{change['object']} {side}: {d}" for side in sides for d in _differences(change[side], made[side])]


def _differences(said: Any, made: Any) -> list[str]:
    if not (isinstance(said, dict) and isinstance(made, dict)):
        return [] if said == made else [f"{said} / {made}"]
    left = {field: value for field, value in said.items() if field not in NAMES_THE_OPERATION}
    return [f"{name}: {value} / {made.get(name)}" for name, value in left.items() if made.get(name) != value]


def check(product: Product, site: DeclaredSite, judge: Judge, text: str, ends: str = "succeeded") -> None:
    product.declare(site, text)
    planned = product.plan(site)
    assert judge.recorded() == [], "a plan changes nothing"
    for name in (*site.servers, *site.lab.spec.switch_by_name):
        assert judge.device_changes(name) == [], f"a plan changes nothing at {name}"

    plan: dict[str, Any] = product.api.get(f"/v1/plans/{planned['plan_hash']}")
    done = product.apply(site, planned["plan_hash"])
    assert done["state"] == ends, (done["outcome"], done["waiting"], product.findings(site))

    log = judge.recorded()
    recorded = [(entry["action"], entry["object"]) for entry in log]
    made_by_name = dict(zip(recorded, log, strict=True))
    of_inventory = [c for c in plan["changes"] if c["system"] == "netbox"]
    said = {(change["action"], change["object"]) for change in of_inventory}
    made = Counter(recorded)
    assert max(made.values(), default=1) == 1, "nothing is written twice"
    assert said - set(made) == set(), "all that was planned was done"
    wrong = [d for c in of_inventory for d in values_differ(c, made_by_name[c["action"], c["object"]])]
    assert wrong == [], "with the values that the plan named"
    may = {kind.removeprefix("create ") for deferred in plan["deferred"] for kind in deferred["may"]}
    more = set(made) - said
    assert {action for action, _ in more} <= {"create"}
    assert {object.partition("/")[0] for _, object in more} <= may
    assert len(more) <= sum(deferred["at_most"] for deferred in plan["deferred"])

    changed = {name: judge.device_changes(name) for name in (*site.servers, *site.lab.spec.switch_by_name)}
    taken = {c["object"].split("/")[1] for c in plan["changes"] if c["system"] in ("bmc", "switch")}
    assert {name for name, changes in changed.items() if changes} == taken
    for name, changes in changed.items():
        assert [c for c in changes if not only_a_password(c)] == [], f"more than the password of {name}"

    again = product.apply(site)
    assert again["state"] == ends
    assert judge.recorded() == [], "applied twice is applied once"
    changed = {name: judge.device_changes(name) for name in (*site.servers, *site.lab.spec.switch_by_name)}
    assert {name: changes for name, changes in changed.items() if changes} == {}, "nor to a device"


def only_a_password(change: dict[str, Any]) -> bool:
    """A BMC names the fields of its account; a switch the patch that it ran, of which its users' secrets are left out."""
    if change["what"] == "account-changed":
        return change["fields"] == ["password"]
    if "patch" in change:
        return list(change["patch"]) == ["system"] and list(change["patch"]["system"]) == ["aaa"]
    # The steps on the way to a revision, and that it is saved: they change nothing that runs.
    return change["what"] in ("nvue-created", "nvue-edited", "nvue-apply", "nvue-moved", "nvue-running", "nvue-save")


@pytest.mark.parametrize("example", EXAMPLES)
def test_plan_then_apply_changes_exactly_what_the_plan_said_also_when_the_site_grows(
    matrix_product: Product, serve: Callable[..., DeclaredSite], example: int
) -> None:
    chosen = random.Random(f"{matrix.seed()}/{example}")
    print(f"EDGEWRIGHT_SAMPLE_SEED={matrix.seed()}")
    site = serve("two-servers", of=FAULTS)
    judge = Judge(matrix_product, site)
    check(matrix_product, site, judge, part_of(site.text, chosen))
    check(matrix_product, site, judge, site.text)
