"""Models in the artifact store: written by content, read once and kept, since an artifact never changes."""

from collections import OrderedDict
from threading import Lock
from typing import cast

from pydantic import BaseModel

from domain.artifact import ArtifactRef, ArtifactStore

KEPT = 64
"""How many read models a worker keeps; a site's declaration is read by every activity on each of its servers."""


class ModelShelf:
    """Puts models into the artifact store and takes them out again. Thread-safe."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, type[BaseModel]], BaseModel] = OrderedDict()
        self._lock = Lock()

    def put(self, model: BaseModel) -> ArtifactRef:
        """Equal models have equal content, so a retry stores nothing new."""
        return self._store.put(model.model_dump_json(by_alias=True).encode())

    def get[M: BaseModel](self, kind: type[M], ref: ArtifactRef) -> M:
        key = (ref.sha256, kind)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast("M", self._kept[key])
        model = kind.model_validate_json(self._store.get(ref))
        with self._lock:
            self._kept[key] = model
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return model
