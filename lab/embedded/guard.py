"""Ends a stack when whoever started it is gone, even by kill -9: `python -m lab.embedded.guard HOME`, with a pipe as input.

The pipe closes when the starter ends in any way at all. For tests; `edgewright up` leaves its services running on purpose.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lab.embedded.home import Home
from lab.embedded.stack import Stack


@contextmanager
def guarded(stack: Stack) -> Iterator[Stack]:
    """The stack goes down at the end of the block, and also if this process dies inside it."""
    command = [sys.executable, "-m", "lab.embedded.guard", str(stack.home.root)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield stack
    finally:
        try:
            stack.down()
        finally:
            assert guard.stdin
            guard.stdin.close()
            guard.wait(timeout=60)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    Stack(Home.of(sys.argv[1])).down()


if __name__ == "__main__":
    main()
