"""Erasing a drive: by the first method of the order that the drive has, then looked at. What was found is the result, whatever it is."""

import os
import time
from typing import Any

from agent import drives, tools
from agent.jobs import Job, Order
from agent.tools import Failed

_LOOKED_AT = 1024
_BLOCK = 4096
LONGEST_S = 48 * 3600.0
_ARGUMENTS = {"discard": ("--force",), "zero": ("--force", "--zeroout")}


def erase(order: Order, job: Job) -> dict[str, Any]:
    """Raises `Failed` if none of the methods is there, the drive refuses, or something is left."""
    drive = drives.untouched(drives.by_serial(str(order["drive"])))
    offered: list[str] = drives.described(drive)["erases"]
    method = next((method for method in order["methods"] if method in offered), None)
    if method is None:
        raise Failed(
            f"{drive.node} ({drive.serial}) has {', '.join(offered)}; allowed is {', '.join(order['methods'])}."
        )
    job.at(1, f"{method} of {drive.node}, {drive.serial}, {drive.size_bytes} bytes")
    began = time.time()
    said = tools.run("blkdiscard", "--verbose", *_ARGUMENTS[method], str(drive.node), timeout_s=LONGEST_S)
    job.say(said.strip())
    job.at(90, f"reading {_LOOKED_AT} samples")
    seed = int.from_bytes(os.urandom(4))
    taken = drives.samples(drive, _LOOKED_AT, _BLOCK, seed)
    left = [sample["offset"] for sample in taken if not sample["zero"]]
    if left:
        raise Failed(
            f"{drive.node} ({drive.serial}) took {method} and is not empty at {left[0]} and {len(left) - 1} other places."
        )
    return {
        "serial": drive.serial,
        "method": method,
        "size_bytes": drive.size_bytes,
        "took_s": round(time.time() - began, 3),
        "samples": len(taken),
        "sample_bytes": _BLOCK,
        "seed": seed,
    }


def mark(order: Order, job: Job) -> dict[str, Any]:
    """Noise in the places of the order's samples, read back. What was there is lost."""
    drive = drives.untouched(drives.by_serial(str(order["drive"])))
    which = int(order["count"]), int(order["size"]), int(order["seed"])
    job.at(1, f"marking {drive.node}, {drive.serial}")
    drives.mark(drive, *which)
    job.at(60, "reading the marks")
    return {"serial": drive.serial, "samples": drives.samples(drive, *which)}
