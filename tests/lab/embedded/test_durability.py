"""What Postgres acknowledged survives a kill -9 of everything."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from lab.embedded import Stack, postgres, processes

pytestmark = pytest.mark.services

WRITERS = 4
ENOUGH = 2000


def test_no_acknowledged_write_is_lost_over_a_kill_of_all_processes(own_stack: Callable[[], Stack]) -> None:
    stack = own_stack()
    stack.up(["postgres", "valkey", "temporal"])
    with postgres.connect(stack.home, "edgewright", "edgewright") as database:
        database.execute("CREATE TABLE written (writer int, number int, PRIMARY KEY (writer, number))")

    acknowledged: list[list[int]] = [[] for _ in range(WRITERS)]

    def write(writer: int) -> None:
        """One commit per row until the server dies; a row counts when the commit has been answered."""
        number = 0
        try:
            with postgres.connect(stack.home, "edgewright", "edgewright") as database:
                while True:
                    database.execute("INSERT INTO written VALUES (%s, %s)", [writer, number])
                    acknowledged[writer].append(number)
                    number += 1
        except psycopg.OperationalError:
            return  # the kill

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 120
    while sum(map(len, acknowledged)) < ENOUGH:
        assert time.monotonic() < deadline, "the writers are stuck"
        time.sleep(0.01)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and processes.works_in(int(entry.name), stack.home.root):
            os.kill(int(entry.name), signal.SIGKILL)
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()

    own_stack().up(["postgres"])
    with postgres.connect(stack.home, "edgewright", "edgewright") as database:
        kept = set(database.execute("SELECT writer, number FROM written").fetchall())
    wanted = {(writer, number) for writer, numbers in enumerate(acknowledged) for number in numbers}
    assert len(wanted) >= ENOUGH
    assert wanted - kept == set()
