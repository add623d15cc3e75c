"""How long we wait and how often we try, by kind of work. Workflows name a policy; they never spell a timeout.

Every policy is bounded by time, not by attempts. One factor scales all of them, so that tests wait milliseconds where a site waits
minutes; it is read once, when the worker starts, and is the same for every workflow of that worker.
"""

import os
from datetime import timedelta
from typing import NamedTuple

from temporalio.common import RetryPolicy

TIME_FACTOR = float(os.environ.get("EDGEWRIGHT_TIME_FACTOR", "1"))


def scaled(seconds: float) -> timedelta:
    """A duration of the real world in this worker's time."""
    return timedelta(seconds=seconds * TIME_FACTOR)


class Policy(NamedTuple):
    """`one_try` bounds an attempt, `give_up` all of them together, `heartbeat` the silence of its worker."""

    one_try: timedelta
    give_up: timedelta
    retry: RetryPolicy
    heartbeat: timedelta | None = None


def _retry(first_s: float, longest_s: float) -> RetryPolicy:
    return RetryPolicy(initial_interval=scaled(first_s), backoff_coefficient=2.0, maximum_interval=scaled(longest_s))


STORE = Policy(max(scaled(20), timedelta(seconds=3)), timedelta(hours=24), _retry(0.5, 30))
"""Our own Postgres. An operation outlives a day without it: nothing else could record what happened."""

ALIVE = max(scaled(30), timedelta(seconds=3))
"""The worker beats by itself for every activity that has a policy with this: a silence means that the worker is gone, and the next
one takes over. A call that hangs is bounded by its client's timeouts and by `one_try`."""

INVENTORY = Policy(timedelta(minutes=10), max(scaled(900), timedelta(minutes=5)), _retry(1, 30), heartbeat=ALIVE)
"""One try records a whole rack: cut off too early, a busy NetBox would be written to by two attempts at once. NetBox works as fast
as it does whatever the factor, so a whole try always fits."""

BMC = Policy(timedelta(minutes=2), scaled(600), _retry(1, 60), heartbeat=ALIVE)
LOGIN = Policy(timedelta(minutes=2), max(scaled(2700), timedelta(seconds=60)), _retry(1, 60), heartbeat=ALIVE)
"""Outlives two lock-out windows: a try that a crash left unaccounted for is waited out, not given up on."""

SCAN = Policy(timedelta(minutes=15), scaled(1800), _retry(1, 60), heartbeat=ALIVE)
"""Looking at a whole range of addresses."""

ACCOUNTS = Policy(timedelta(minutes=15), max(scaled(1800), timedelta(minutes=15)), _retry(1, 60), heartbeat=ALIVE)
"""Giving all switches of a site a new password: one that reboots meanwhile may take minutes, and two attempts at once would
share its budget of login tries. A whole try always fits."""

PLAYBOOK = Policy(timedelta(hours=2), scaled(6 * 3600), _retry(5, 120), heartbeat=ALIVE)
POLL = Policy(timedelta(seconds=30), scaled(3600), _retry(5, 30))

HOLD_LOOK_AGAIN = scaled(60)
"""How often a held operation looks whether the hold is gone, in case the signal was lost."""
