"""Artifacts in a folder, each under its hash. Fulfils `domain.artifact.ArtifactStore`."""

import hashlib
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from domain.artifact import ArtifactRef, ArtifactsAway
from domain.errors import Rejected
from store.files import write_whole


class ArtifactMissing(Rejected):
    """There is no artifact with this hash."""

    kind = "artifact-missing"


class ArtifactDamaged(Rejected):
    """The content on disk is not what its name says."""

    kind = "artifact-damaged"


class ArtifactFolderUnusable(ArtifactsAway):
    """The folder cannot be read or written: a full or read-only disk, a mode, a mount that is gone."""


class ArtifactFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes, media_type: str = "application/json") -> ArtifactRef:
        """The type of the first put stays; a damaged copy is replaced by the good one."""
        sha256 = hashlib.sha256(content).hexdigest()
        with self._usable():
            known = self.find(sha256)
            if known is not None and known.size == len(content) and _hash(self._file(sha256)) == sha256:
                return known
            ref = ArtifactRef(sha256=sha256, size=len(content), media_type=media_type)
            write_whole(self._file(sha256), content)
            # Written last: an artifact without it was never acknowledged.
            write_whole(self._about(sha256), ref.model_dump_json().encode())
            return ref

    def get(self, ref: ArtifactRef) -> bytes:
        if not _is_hash(ref.sha256) or not self._file(ref.sha256).exists():
            raise ArtifactMissing(f"There is no artifact {ref.sha256}.", do="Run the step that made it again.")
        with self._usable():
            content = self._file(ref.sha256).read_bytes()
        if hashlib.sha256(content).hexdigest() != ref.sha256:
            raise ArtifactDamaged(
                f"Artifact {ref.sha256} is damaged on disk.", do="Run the step that made it again; check the disk."
            )
        return content

    def find(self, sha256: str) -> ArtifactRef | None:
        if not _is_hash(sha256) or not self._about(sha256).exists():
            return None
        return ArtifactRef.model_validate(json.loads(self._about(sha256).read_bytes()))

    @contextmanager
    def _usable(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactFolderUnusable(
                f"The artifact store in {self._folder} cannot be used: {error.strerror or error}.",
                do="Check that disk: is it full, read-only, gone? It is tried again; after that, retry the step.",
            ) from error

    def _file(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _about(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.json"


def _is_hash(text: str) -> bool:
    """Also keeps a name from leaving the folder."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
