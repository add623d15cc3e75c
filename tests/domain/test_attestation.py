"""What is kept when a server becomes available on the declaration's word."""

from domain.attestation import attestations
from domain.lifecycle import Lifecycle
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
