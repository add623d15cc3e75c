"""Where ports come from, and who holds one."""

import os
import socket
from pathlib import Path

import pytest

from lab.embedded.ports import Ports, PortsInvalid, PortTaken, check_free, free_ports


def test_defaults_hold_where_nobody_chose(tmp_path: Path) -> None:
    chosen = Ports.chosen(tmp_path / "ports", {})
    assert (chosen.api, chosen.netbox, chosen.temporal, chosen.temporal_ui) == (8700, 8701, 7233, 8233)


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    file.write_text("# ours\napi=9100  # console\nnetbox=9101\n")
    chosen = Ports.chosen(file, {"EDGEWRIGHT_PORT_NETBOX": "9201"})
    assert (chosen.api, chosen.netbox, chosen.valkey) == (9100, 9201, 8702)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    file.write_text((ports := free_ports()).written())
    assert Ports.chosen(file, {}) == ports


@pytest.mark.parametrize("line", ["api=many", "api=70000", "api=", "postgres=5432", "api=8701"])
def test_a_port_that_cannot_be_is_refused_by_name(tmp_path: Path, line: str) -> None:
    file = tmp_path / "ports"
    file.write_text(line + "\n")
    with pytest.raises(PortsInvalid) as refused:
        Ports.chosen(file, {})
    assert str(file) in str(refused.value)


def test_a_holder_is_named_with_its_pid_and_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"api.*port {port}.*pid {os.getpid()}"):
            check_free("api", "The API", [("api", port)])


def test_a_port_that_was_just_left_is_free() -> None:
    """Connections in TIME_WAIT hold an address without anybody listening: a restart must not fail on them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # closed by the server: the wait is on its side
    check_free("api", "The API", [("api", port)])


def test_free_ports_are_eight_different_ones_outside_the_kernels_own_range() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    numbers = list(free_ports().model_dump().values())
    assert len(set(numbers)) == len(numbers) == 8
    assert max(numbers) < low
