"""The day of an attestation, as the API takes it."""

import pytest

from tests.api.conftest import Api
from tests.domain.test_declaration_checks import SITE


@pytest.mark.parametrize("on", ["2999-01-01", 0, "2026-11-01T12:00:00"])
async def test_a_day_that_has_not_come_or_is_none_is_refused_with_its_path(api: Api, on: object) -> None:
    await api.declare()
    attested = {"factory_new": {"by": "installer", "on": on, "reference": "po-1"}}
    servers = [SITE["servers"][0], SITE["servers"][1] | attested]
    answer = await api.send("PUT", "/v1/sites/oslo-1", json=SITE | {"servers": servers})
    assert answer.status_code == 422
    assert {p["path"] for p in answer.json()["errors"]} == {"servers[1].factory_new.on"}
