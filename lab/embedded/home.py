"""EDGEWRIGHT_HOME: the one folder that holds all state of the embedded services."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Rejected

# sockaddr_un holds 108 bytes with the closing zero.
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"


class HomeUnusable(Rejected):
    """The state folder cannot be made or written."""

    kind = "home-unusable"


@dataclass(frozen=True)
class Home:
    """The layout of the state folder. Making a Home touches nothing; `prepare` makes its folders."""

    root: Path

    @staticmethod
    def of(folder: str | Path | None = None) -> "Home":
        """The given folder, else EDGEWRIGHT_HOME, else ~/.edgewright."""
        chosen = folder or os.environ.get("EDGEWRIGHT_HOME") or "~/.edgewright"
        return Home(Path(chosen).expanduser().resolve())

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def postgres_data(self) -> Path:
        return self.root / "pg"

    @property
    def temporal_database(self) -> Path:
        return self.root / "temporal.db"

    @property
    def netbox(self) -> Path:
        return self.root / "netbox"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def settings_file(self) -> Path:
        return self.root / "settings.env"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports"

    @property
    def sockets(self) -> Path:
        """Where the Unix sockets lie: in `run`, or in the short folder recorded by `prepare` where that path is too long."""
        if _fits(self.run):
            return self.run
        try:
            return Path(self._sockets_record.read_text().strip())
        except FileNotFoundError:
            raise HomeUnusable(
                f"{self.root} is too long a path for a Unix socket and has no short folder yet.",
                do="Run: edgewright up",
            ) from None

    @property
    def _sockets_record(self) -> Path:
        return self.run / "sockets"

    def log_of(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def prepare(self) -> None:
        """Makes the folders, closed to other users. Running it again mends modes and a lost socket folder.

        Raises:
            HomeUnusable: the folder cannot be written.
        """
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True, mode=0o700)
            for folder in (self.run, self.logs, self.secrets, self.secrets / "store", self.artifacts):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
            for folder in (self.netbox / "conf", self.netbox / "static", self.netbox / "media"):
                folder.mkdir(parents=True, exist_ok=True)
            self.netbox.chmod(0o700)
        except OSError as error:
            raise HomeUnusable(
                f"The state folder {self.root} cannot be used: {error.strerror}.",
                do="Choose another: EDGEWRIGHT_HOME=/path/to/folder edgewright up",
            ) from error
        if not _fits(self.run) and not self._has_own_short_folder():
            self._sockets_record.write_text(tempfile.mkdtemp(prefix="edgewright-"))

    def _has_own_short_folder(self) -> bool:
        """A folder in /tmp is believed only if it is still ours and closed: others may write there."""
        try:
            found = os.stat(self._sockets_record.read_text().strip(), follow_symlinks=False)
        except OSError:
            return False
        return found.st_uid == os.getuid() and found.st_mode & 0o7777 == 0o700

    def drop_sockets(self) -> None:
        """Removes every socket file, and the short folder if there is one. Only when no service runs."""
        if not _fits(self.run) and self._sockets_record.exists():
            shutil.rmtree(self.sockets, ignore_errors=True)
            self._sockets_record.unlink()
        for file in self.run.glob(".s.PGSQL.*"):
            file.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder for one `up` or `down` at a time; a second one waits. The kernel frees it if the holder dies."""
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT
