"""What Prometheus is told, and that each alert asks for something that is told."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from api.metrics import count_what_stands
from domain.access import Place
from domain.totals import Total, Totals
from tests.api.conftest import Api
from tests.api.kept_in_memory import KeptCounts

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "edgewright.rules.yaml"
OSLO = Place(region="nordics", site="oslo-1")


async def told(api: Api, totals: Totals) -> str:
    assert isinstance(api.services.counts, KeptCounts)
    api.services.counts.kept = totals
    await count_what_stands(api.services)
    answer = await api.http.get("/metrics", headers={"Authorization": "Bearer viewer-fleet"})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_what_stands_is_told_and_what_is_over_is_not(api: Api) -> None:
    poll = datetime(2026, 11, 26, 2, tzinfo=UTC)
    text = await told(
        api,
        Totals(
            findings=(Total(place=OSLO, of="critical", count=3),),
            operations=(Total(place=OSLO, of="blocked", count=1),),
            last_polls={"devices": poll},
        ),
    )
    assert 'edgewright_findings{region="nordics",severity="critical",site="oslo-1"} 3.0' in text
    assert 'edgewright_operations{region="nordics",site="oslo-1",state="blocked"} 1.0' in text
    assert f'edgewright_queue_last_poll_seconds{{queue="devices"}} {poll.timestamp()!r}' in _without_exponent(text)
    assert "oslo-1" not in await told(api, Totals())


async def test_every_alert_asks_for_metrics_that_are_told(api: Api) -> None:
    text = await told(api, Totals())
    rules: list[dict[str, Any]] = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]
    declared = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    for rule in rules:
        for metric in re.findall(r"\bedgewright_\w+", rule["expr"]):
            assert metric in declared, (rule["alert"], metric)
        assert {"summary", "do"} <= set(rule["annotations"]), rule["alert"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


def _without_exponent(text: str) -> str:
    return re.sub(r"\d\.\d+e\+\d+", lambda found: repr(float(found[0])), text)
