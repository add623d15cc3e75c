"""What each device was asked (the newest requests, in memory) and what changed in it (kept): the devices' own word for tests to read."""

from collections import deque
from typing import Any

from lab.virtual.clock import LabClock
from lab.virtual.kept import KeptState

READS_KEPT, WRITES_KEPT = 300, 1_000
"""Per device, in memory: a thousand BMCs that are read all day must not fill it."""

READING = frozenset({"GET", "HEAD", "QUERY", "CLIENT"})
"""HTTP's methods, DNS's opcode and NTP's mode that only read."""


class DeviceLog:
    """Never holds a secret: bodies are noted without the values of fields that carry one."""

    def __init__(self, kept: KeptState, clock: LabClock) -> None:
        self._kept, self._clock = kept, clock
        self._reads: dict[str, deque[dict[str, Any]]] = {}
        self._writes: dict[str, deque[dict[str, Any]]] = {}
        self._count: dict[str, int] = {}

    def request(self, device: str, method: str, path: str, status: int, user: str = "", body: Any = None) -> None:
        """One answered (or dropped: status 0) request."""
        number = self._count[device] = self._count.get(device, 0) + 1
        entry: dict[str, Any] = {
            "n": number,
            "at": self._clock.stamp(),
            "method": method,
            "path": path,
            "status": status,
            "user": user,
        }
        if body:
            entry["body"] = without_secrets(body)
        reading = method in READING
        logs, size = (self._reads, READS_KEPT) if reading else (self._writes, WRITES_KEPT)
        if device not in logs:
            logs[device] = deque(maxlen=size)
        logs[device].append(entry)

    def change(self, device: str, **what: Any) -> None:
        """Something changed in the device that no kept value shows (a session, a reset, an event sent)."""
        self._kept.note(device, self._clock.stamp(), what)

    def requests(self, device: str) -> list[dict[str, Any]]:
        """The newest requests in the order they came; `n` counts all of them."""
        kept = [*self._reads.get(device, ()), *self._writes.get(device, ())]
        return sorted(kept, key=lambda entry: entry["n"])

    def request_count(self, device: str) -> int:
        """All requests since the lab started, also those no longer kept."""
        return self._count.get(device, 0)

    def changes(self, device: str, after: int = 0) -> list[dict[str, Any]]:
        return list(self._kept.changes(device, after))


def without_secrets(value: Any) -> Any:
    """The same JSON with the values of password-like fields replaced."""
    if isinstance(value, dict):
        return {
            key: "***"
            if any(word in str(key).lower() for word in ("password", "secret", "token", "key"))
            else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value
