"""Reads what is in NetBox of a scope: one list per endpoint, with only the fields we own."""

from collections.abc import Sequence

from clients.netbox.mapping import GLOBAL, SHAPES, Ids, kept_key, read
from clients.netbox.session import NetBoxSession, Params, Row
from domain.inventory import Scope
from domain.netbox_schema import Cf
from domain.records import Endpoint, ObservedRecord


class Reading:
    """One look at a scope: the records and the numbers NetBox gave them."""

    def __init__(self, session: NetBoxSession, scope: Scope) -> None:
        self._session = session
        self._scope = scope
        self._rows: list[tuple[Endpoint, Row, str]] = []
        self.ids = Ids()
        self._read_catalogue()
        self._read_site()
        self._read_pools()
        self._read_devices()
        self.records: tuple[ObservedRecord, ...] = tuple(
            read(endpoint, row, self.ids, key) for endpoint, row, key in self._rows
        )

    def look_again(self, endpoint: Endpoint, device_ids: Sequence[int]) -> tuple[ObservedRecord, ...]:
        """The parts of devices that were made since: those that NetBox made from their type's templates."""
        rows = self._fetch_by(endpoint, "device_id", device_ids)
        return tuple(read(endpoint, row, self.ids, key) for row, key in self._keep(endpoint, rows))

    def look_for(self, endpoint: Endpoint) -> tuple[ObservedRecord, ...]:
        """The wanted catalogue entries of one endpoint, anew: another recorder may just have made them."""
        before = len(self._rows)
        self._read_catalogue(only=endpoint)
        return tuple(read(kind, row, self.ids, key) for kind, row, key in self._rows[before:])

    # Lists.

    def _fetch(self, endpoint: Endpoint, params: Params) -> list[Row]:
        shape = SHAPES[endpoint]
        return self._session.rows(shape.path, params, fields=shape.reads)

    def _fetch_by(
        self, endpoint: Endpoint, name: str, values: Sequence[str] | Sequence[int], params: Params | None = None
    ) -> list[Row]:
        if not values:
            return []
        shape = SHAPES[endpoint]
        return self._session.rows_by(shape.path, name, values, params, fields=shape.reads)

    def _keep(self, endpoint: Endpoint, rows: Sequence[Row], key: str | None = None) -> list[tuple[Row, str]]:
        kept: list[tuple[Row, str]] = []
        for row in rows:
            found = key or SHAPES[endpoint].key(row, self.ids)
            self.ids.add(endpoint, found, row["id"])
            self._rows.append((endpoint, row, found))
            kept.append((row, found))
        return kept

    def _read_catalogue(self, only: Endpoint | None = None) -> None:
        """What sites share, by the slugs that are wanted."""
        wanted = self._scope.wanted
        for endpoint, name in (
            (Endpoint.REGION, "slug"),
            (Endpoint.RIR, "slug"),
            (Endpoint.ASN, "asn"),
            (Endpoint.MANUFACTURER, "slug"),
            (Endpoint.DEVICE_ROLE, "slug"),
        ):
            if only in (None, endpoint):
                self._keep(endpoint, self._fetch_by(endpoint, name, wanted(endpoint)))
        # By number: NetBox refuses a filter by a slug that it does not have.
        for endpoint in (Endpoint.DEVICE_TYPE, Endpoint.MODULE_TYPE):
            makers = {key.partition("/")[0] for key in wanted(endpoint)}
            known = [
                n for n in self.ids.numbers(Endpoint.MANUFACTURER) if self.ids.key(Endpoint.MANUFACTURER, n) in makers
            ]
            if only in (None, endpoint):
                self._keep(endpoint, self._fetch_by(endpoint, "manufacturer_id", known))
        types = set(wanted(Endpoint.DEVICE_TYPE))
        numbers = [n for n in self.ids.numbers(Endpoint.DEVICE_TYPE) if self.ids.key(Endpoint.DEVICE_TYPE, n) in types]
        for endpoint in (Endpoint.INTERFACE_TEMPLATE, Endpoint.MODULE_BAY_TEMPLATE):
            if wanted(endpoint) and only in (None, endpoint):
                self._keep(endpoint, self._fetch_by(endpoint, "device_type_id", numbers))

    def _read_site(self) -> None:
        """The site: the one that carries our key, else one found by slug or title, always under the key it is wanted by.

        One that another site owns is read so that it can be told, and nothing of it is read or linked to.
        """
        site = self._scope.site
        found = self._fetch(Endpoint.SITE, {f"cf_{Cf.KEY}": site})
        if not found:
            found = self._fetch(Endpoint.SITE, {"slug": site}) + self._fetch_by(
                Endpoint.SITE, "name", self._scope.titles
            )
        rows = list({row["id"]: row for row in found}.values())
        others = {row["id"]: key for row in rows if (key := kept_key(row)) not in ("", site)}
        self._keep(Endpoint.SITE, [row for row in rows if row["id"] not in others], site)
        for row in rows:
            if row["id"] in others:
                self.ids.add(Endpoint.SITE, others[row["id"]], row["id"])
                self._rows.append((Endpoint.SITE, row, site))
        self._site_ids = [row["id"] for row in rows if row["id"] not in others]
        if self._site_ids:
            for endpoint in (Endpoint.LOCATION, Endpoint.RACK):
                if self._scope.whole or self._scope.wanted(endpoint):
                    self._keep(endpoint, self._fetch(endpoint, {"site_id": self._site_ids}))

    def _read_pools(self) -> None:
        wanted = self._scope.wanted
        self._keep(Endpoint.ASN_RANGE, self._fetch_by(Endpoint.ASN_RANGE, "name", wanted(Endpoint.ASN_RANGE)))
        vrfs = self._keep(Endpoint.VRF, self._fetch_by(Endpoint.VRF, "name", wanted(Endpoint.VRF)))
        tables = {key: row["id"] for row, key in vrfs}
        for endpoint, name in ((Endpoint.PREFIX, "prefix"), (Endpoint.IP_ADDRESS, "address")):
            by_table: dict[str, list[str]] = {}
            for key in wanted(endpoint):
                table, _, value = key.partition("/")
                by_table.setdefault(table, []).append(value)
            for table, values in by_table.items():
                if table == GLOBAL:
                    self._keep(endpoint, self._fetch_by(endpoint, name, values, {"vrf_id": "null"}))
                elif table in tables:
                    self._keep(endpoint, self._fetch_by(endpoint, name, values, {"vrf_id": tables[table]}))
        if wanted(Endpoint.IP_RANGE) and tables:
            self._keep(Endpoint.IP_RANGE, self._fetch(Endpoint.IP_RANGE, {"vrf_id": list(tables.values())}))

    def _read_devices(self) -> None:
        """The devices, then their parts and cables by the devices' numbers."""
        scope = self._scope
        found: dict[int, Row] = {}
        if self._site_ids and scope.whole:
            found |= {row["id"]: row for row in self._fetch(Endpoint.DEVICE, {"site_id": self._site_ids})}
        elif self._site_ids:
            here: Params = {"site_id": self._site_ids}
            found |= {row["id"]: row for row in self._fetch_by(Endpoint.DEVICE, "name", scope.devices, here)}
            # An adopted device keeps the name it had; our key says which one it is.
            missing = sorted(set(scope.devices) - {str(row["name"]) for row in found.values()})
            keys = [f"{scope.site}/{name}" for name in missing]
            found |= {row["id"]: row for row in self._fetch_by(Endpoint.DEVICE, f"cf_{Cf.KEY}", keys, here)}
        seen = {str(row.get("serial")) for row in found.values()}
        unseen = [serial for serial in scope.serials if serial not in seen] if scope.whole else scope.serials
        found |= {row["id"]: row for row in self._fetch_by(Endpoint.DEVICE, "serial", unseen)}
        self._keep(Endpoint.DEVICE, list(found.values()))
        numbers = list(found)
        for endpoint in (Endpoint.MODULE_BAY, Endpoint.MODULE, Endpoint.INTERFACE, Endpoint.CABLE):
            self._keep(endpoint, self._parts(endpoint, numbers))

    def _parts(self, endpoint: Endpoint, numbers: Sequence[int]) -> list[Row]:
        if not numbers:
            return []
        if self._scope.whole and self._site_ids:
            return self._fetch(endpoint, {"site_id": self._site_ids})
        return self._fetch_by(endpoint, "device_id", numbers)
