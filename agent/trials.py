"""Tests of the hardware. A test that finds a fault is done, and its result says so: `passed` and what was measured."""

import hashlib
import mmap
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from typing import Any

from agent import drives
from agent.jobs import Job, Order
from agent.tools import Failed

_BLOCK = 1 << 20
_ROUNDS = 20_000
_PLACES = 64


def test(order: Order, job: Job) -> dict[str, Any]:
    trial = _TRIALS.get(str(order["name"]))
    if trial is None:
        raise Failed(f"There is no test {order['name']}; there are {', '.join(_TRIALS)}.")
    job.at(1, str(order["name"]))
    passed, measured = trial(order, job)
    return {"name": order["name"], "passed": passed, "measured": measured}


def _cpu(order: Order, job: Job) -> tuple[bool, dict[str, float]]:
    """Every processor computes the same thing again and again; one that ever comes to another result is broken."""
    count = os.cpu_count() or 1
    until = time.monotonic() + float(order["seconds"])
    with multiprocessing.get_context("fork").Pool(count) as pool:
        running = pool.map_async(_compute, [(until, number) for number in range(count)])
        while not running.ready():
            running.wait(0.2)
            job.at(100 - 100 * (until - time.monotonic()) / float(order["seconds"]))
        results = running.get()
    answers = {answer for _, found in results for answer in found}
    rates = [rounds / float(order["seconds"]) for rounds, _ in results]
    measured = {"processors": count, "rounds_per_s": round(sum(rates), 1), "slowest_rounds_per_s": round(min(rates), 1)}
    return len(answers) == 1, measured


def _compute(task: tuple[float, int]) -> tuple[int, set[bytes]]:
    until, number = task
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[number % len(cpus)]})
    rounds, answers = 0, set[bytes]()
    while time.monotonic() < until or not rounds:
        answer = b"edgewright"
        for _ in range(_ROUNDS):
            answer = hashlib.sha256(answer).digest()
        rounds += 1
        answers.add(answer)
    return rounds, answers


def _memory(order: Order, job: Job) -> tuple[bool, dict[str, float]]:
    """Writes different patterns over a piece of memory and reads them back."""
    blocks = max(1, int(order["memory_mib"]))
    wrong, began = 0, time.monotonic()
    with mmap.mmap(-1, blocks * _BLOCK) as memory:
        for turn, seed in enumerate((0x5A, 0xA5)):
            patterns = [random.Random(seed + n).randbytes(_BLOCK) for n in range(7)]
            for n in range(blocks):
                memory[n * _BLOCK : (n + 1) * _BLOCK] = patterns[n % 7]
            for n in range(blocks):
                wrong += memory[n * _BLOCK : (n + 1) * _BLOCK] != patterns[n % 7]
                job.at(50 * turn + 50 * n / blocks)
    took_s = time.monotonic() - began
    return wrong == 0, {"tested_mib": blocks, "wrong_mib": wrong, "mib_per_s": round(4 * blocks / took_s, 1)}


def _drive_read(order: Order, job: Job) -> tuple[bool, dict[str, float]]:
    """Reads all over the drive and changes nothing."""
    drive = drives.by_serial(str(order["drive"]))
    return _over(drive.size_bytes, order, job, lambda raw, offset, _: raw.read_at(offset) != b"", drive, os.O_RDONLY)


def _drive_write(order: Order, job: Job) -> tuple[bool, dict[str, float]]:
    """Writes all over the drive, reads back, and leaves zeros there: what was in those places is gone."""
    drive = drives.untouched(drives.by_serial(str(order["drive"])))

    def there_and_back(raw: drives.Raw, offset: int, pattern: bytes) -> bool:
        raw.write_at(offset, pattern)
        good = raw.read_at(offset) == pattern
        raw.write_at(offset, bytes(_BLOCK))
        return good

    return _over(drive.size_bytes, order, job, there_and_back, drive, os.O_RDWR)


def _over(
    size: int,
    order: Order,
    job: Job,
    touch: Callable[[drives.Raw, int, bytes], bool],
    drive: drives.Drive,
    flags: int,
) -> tuple[bool, dict[str, float]]:
    chosen = random.Random(int(order.get("seed", 0)))
    blocks, wrong, slowest_s, began = size // _BLOCK, 0, 0.0, time.monotonic()
    with drives.Raw(drive.node, flags, _BLOCK) as raw:
        for n in range(_PLACES):
            offset, at = chosen.randrange(blocks) * _BLOCK, time.monotonic()
            try:
                wrong += not touch(raw, offset, chosen.randbytes(_BLOCK))
            except OSError as error:
                wrong += 1
                job.say(f"at {offset}: {error.strerror}")
            slowest_s = max(slowest_s, time.monotonic() - at)
            job.at(100 * n / _PLACES)
    took_s = time.monotonic() - began
    measured = {
        "places": _PLACES,
        "wrong": wrong,
        "mib_per_s": round(_PLACES / took_s, 1),
        "slowest_ms": round(slowest_s * 1e3, 2),
    }
    return wrong == 0, measured


_TRIALS: dict[str, Callable[[Order, Job], tuple[bool, dict[str, float]]]] = {
    "cpu": _cpu,
    "memory": _memory,
    "drive-read": _drive_read,
    "drive-write": _drive_write,
}
