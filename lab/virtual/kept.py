"""What real hardware keeps over a power cut: one SQLite file per site, every write on disk before it is acknowledged."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists kept (device text, key text, value text not null, primary key (device, key)) without rowid;
create table if not exists changes (id integer primary key, device text not null, at text not null, entry text not null);
create index if not exists changes_by_device on changes (device, id);
"""


class KeptState:
    """Key and JSON value per device, and the devices' own change logs. A `kill -9` loses nothing that `put` returned from."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        path = folder / "site.sqlite"
        path.touch(mode=0o600)
        os.chmod(path, 0o600)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=full")
        self._db.executescript(_TABLES)
        self._values: dict[str, dict[str, Any]] = {}
        for device, key, value in self._db.execute("select device, key, value from kept"):
            self._values.setdefault(device, {})[key] = json.loads(value)

    def get(self, device: str, key: str, default: Any = None) -> Any:
        """The value as it was put; treat it as read-only."""
        return self._values.get(device, {}).get(key, default)

    def put(self, device: str, key: str, value: Any, *, change: dict[str, Any] | None = None, at: str = "") -> None:
        """Keeps the value, with an entry in the device's change log in the same transaction if `change` is given."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                self._db.execute("insert or replace into kept values (?, ?, ?)", (device, key, json.dumps(value)))
                if change is not None:
                    self._insert_change(device, at, change)
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")
        self._values.setdefault(device, {})[key] = value

    def note(self, device: str, at: str, change: dict[str, Any]) -> None:
        """An entry in the device's change log for a change whose value is kept nowhere (a session, a reset)."""
        with self._lock:
            self._insert_change(device, at, change)

    def _insert_change(self, device: str, at: str, change: dict[str, Any]) -> None:
        self._db.execute("insert into changes (device, at, entry) values (?, ?, ?)", (device, at, json.dumps(change)))

    def changes(self, device: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """The device's change log, oldest first: `{id, at, ...}`."""
        rows = self._db.execute(
            "select id, at, entry from changes where device = ? and id > ? order by id", (device, after)
        )
        for number, at, entry in rows.fetchall():
            yield {"id": number, "at": at, **json.loads(entry)}

    def close(self) -> None:
        self._db.close()
