"""Reading Redfish JSON: a typed view of one object, and following links with as few requests as the BMC allows."""

from collections.abc import Callable, Mapping

from domain.bmc import BmcResourceMissing, BmcTroubled
from domain.model import Json

type Fetch = Callable[[str, str], "Resource"]
"""Gets a path with an `$expand` value (empty: none)."""


class Resource:
    """A view of a Redfish object. What is absent, null or of another type reads as empty or None: BMCs differ in all three."""

    __slots__ = ("body",)

    def __init__(self, body: Json) -> None:
        self.body: Mapping[str, Json] = body if isinstance(body, dict) else {}

    def __bool__(self) -> bool:
        return bool(self.body)

    @property
    def path(self) -> str:
        return self.text("@odata.id")

    @property
    def is_reference(self) -> bool:
        """A bare link, to be fetched."""
        return len(self.body) == 1 and "@odata.id" in self.body

    def _at(self, name: str) -> Json:
        if "/" not in name:
            return self.body.get(name)
        value: Json = dict(self.body)
        for part in name.split("/"):
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def has(self, name: str) -> bool:
        return self._at(name) is not None

    def text(self, name: str) -> str:
        """`Status/Health` reads a nested one. Blanks around are cut: vendors pad serial numbers."""
        value = self._at(name)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._at(name)
        return tuple(str(item) for item in value if item is not None) if isinstance(value, list) else ()

    def number(self, name: str) -> float | None:
        value = self._at(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def whole(self, name: str) -> int | None:
        value = self.number(name)
        return int(value) if value is not None else None

    def flag(self, name: str) -> bool | None:
        value = self._at(name)
        return value if isinstance(value, bool) else None

    def inner(self, name: str) -> "Resource":
        return Resource(self._at(name))

    def each(self, name: str) -> "tuple[Resource, ...]":
        value = self._at(name)
        return tuple(Resource(item) for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


class Expansion:
    """How this BMC expands, from ProtocolFeaturesSupported.ExpandQuery of its service root."""

    def __init__(self, root: Resource, *, allowed: bool = True) -> None:
        query = root.inner("ProtocolFeaturesSupported/ExpandQuery")
        # `.` leaves out what lies under Links, where everything else of the tree would come again.
        self.supported = allowed and query.flag("NoLinks") is True
        self._most = (query.whole("MaxLevels") or 1) if query.flag("Levels") else 1

    def value(self, levels: int) -> str:
        """The `$expand` value for so many levels, or as many as the BMC gives; empty for none."""
        if not self.supported or levels < 1:
            return ""
        return f".($levels={min(levels, self._most)})" if self._most > 1 else "."


class Reader:
    """Follows links. What an earlier answer expanded is not fetched again."""

    def __init__(self, fetch: Fetch, expansion: Expansion, skipped: Callable[[str], None]) -> None:
        """`skipped` hears of members that the BMC lists but does not give: one bad disk must not hide the others."""
        self._fetch = fetch
        self._expansion = expansion
        self._skipped = skipped

    def follow(self, reference: Resource, *, levels: int = 0) -> Resource:
        """The resource itself, whether the reference was expanded or not. An empty reference gives an empty resource."""
        if not reference or not reference.is_reference:
            return reference
        return self._fetch(reference.path, self._expansion.value(levels))

    def members(self, reference: Resource, *, levels: int = 1) -> tuple[Resource, ...]:
        """All members of a collection, each in full, over all its pages. `levels` counts from the collection."""
        page = self.follow(reference, levels=levels)
        listed = page.each("Members")
        if not reference.is_reference and len(listed) > 1 and all(member.is_reference for member in listed):
            # The collection came with an earlier answer, its members did not: one request again instead of one for each.
            page = self._again(page, levels)
        found: list[Resource] = []
        while page:
            found += self.each(page.each("Members"), levels=levels - 1)
            following = page.text("Members@odata.nextLink")
            page = self._fetch(following, "") if following else Resource(None)
        return tuple(found)

    def _again(self, collection: Resource, levels: int) -> Resource:
        expand = self._expansion.value(levels)
        return self._fetch(collection.path, expand) if expand and collection.path else collection

    def each(self, references: tuple[Resource, ...], *, levels: int = 0) -> tuple[Resource, ...]:
        """These resources, without those that are absent or cannot be had."""
        found: list[Resource] = []
        for reference in references:
            try:
                # Some BMCs expand members by halves (see quirks.py, AMI): one without its Id is fetched on its own.
                whole = reference.has("Id") or not reference.path
                resource = reference if whole else self._fetch(reference.path, self._expansion.value(levels))
            except (BmcResourceMissing, BmcTroubled):
                self._skipped(reference.path)
                continue
            if resource.text("Status/State") != "Absent":
                found.append(resource)
        return tuple(found)
