"""What is kept when a server becomes available on the declaration's word."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from domain.attestation import attestations, future_attestations
from domain.lifecycle import Lifecycle
from domain.site import FactoryNew
from tests.domain.recording_samples import declaration, facts


def test_only_an_attested_server_that_is_handed_over_leaves_an_entry_and_the_same_word_is_the_same_entry() -> None:
    site = declaration(servers=1)
    (server,) = facts(site).servers
    available = server.model_copy(update={"lifecycle": Lifecycle.AVAILABLE})
    (entry,) = attestations(site, [available], "op-1")
    assert server.hardware is not None
    drives = tuple(drive.serial for drive in server.hardware.drives)
    assert entry.subjects == (server.hardware.serial, *drives)
    assert (entry.kind, entry.body["by"], entry.body["reference"]) == ("factory-new-attestation", "installer", "po-1")
    assert attestations(site, [available], "op-2")[0].key == entry.key
    quarantined = server.model_copy(update={"lifecycle": Lifecycle.QUARANTINED})
    unread = available.model_copy(update={"hardware": None})
    assert attestations(site, [quarantined, unread], "op-1") == ()


@pytest.mark.parametrize(
    "on", [0, 1.5, True, "2026-11-01T00:00:00", "0", "soon", "2026-13-01", datetime(2026, 11, 1, tzinfo=UTC)]
)
def test_the_day_of_an_attestation_is_a_day_and_nothing_that_could_be_read_as_one(on: object) -> None:
    with pytest.raises(ValidationError) as refused:
        FactoryNew.model_validate({"by": "installer", "on": on, "reference": "po-1"})
    assert [error["loc"] for error in refused.value.errors()] == [("on",)]


@pytest.mark.parametrize("on", ["2026-11-01", date(2026, 11, 1)])
def test_a_day_is_read_as_it_is_written_and_as_yaml_gives_it(on: object) -> None:
    assert FactoryNew.model_validate({"by": "x", "on": on, "reference": "y"}).on == date(2026, 11, 1)


def test_a_day_that_has_come_nowhere_yet_is_refused_with_its_path() -> None:
    site = declaration(servers=2)
    eve = datetime(2026, 10, 31, 9, 59, tzinfo=UTC)
    assert [p.path for p in future_attestations(site, eve)] == [f"servers[{n}].factory_new.on" for n in (0, 1)]
    assert future_attestations(site, eve.replace(hour=10)) == ()
