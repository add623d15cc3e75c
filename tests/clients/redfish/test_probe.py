"""Who answers on the out-of-band network."""

from domain.bmc import BmcAddress
from tests.clients.redfish.conftest import Client


def test_of_a_whole_range_exactly_those_that_answer_are_found_in_order(client: Client) -> None:
    block = client.lab.addresses["plain"].rpartition(".")[0]
    candidates = tuple(BmcAddress(host=f"{block}.{n}", port=client.lab.port) for n in range(1, 255))
    found = client.bmcs.answering(candidates, timeout_s=5, at_once=64)
    assert [address.host for address in found] == sorted(
        client.lab.addresses.values(), key=lambda host: int(host.rpartition(".")[2])
    )


def test_a_bmc_that_refuses_connections_is_not_found(client: Client) -> None:
    client.lab.seed("refuse", "victim")
    assert client.bmcs.answering((client.lab.address("victim"),), timeout_s=2, at_once=4) == ()


def test_probing_sends_no_request_and_says_how_far_it_is(client: Client) -> None:
    before = len(client.lab.requests("victim"))
    heard: list[str] = []
    client.bmcs.answering((client.lab.address("victim"),) * 128, timeout_s=10, at_once=16, beat=heard.append)
    assert heard == ["64 of 128 probed", "128 of 128 probed"]
    assert len(client.lab.requests("victim")) == before
