"""Who may do what, and where: places, roles, tokens, and the audit record of what somebody did."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from domain.checking import Inconsistent, Problem
from domain.errors import Rejected
from domain.model import Declared, Json, Model


class PlaceUnreadable(Rejected):
    """A place was written in a form nobody can read, such as `sites:oslo-1`."""

    kind = "place-unreadable"


class Place(Model):
    """Where something is or how far something reaches: the empty place is the whole fleet, each field narrows it.

    A row's place says where it belongs; a token's, hold's or check's place says what it covers. Site names are unique in
    the fleet, so a place may name a site without its region.
    """

    region: str = ""
    site: str = ""
    rack: str = ""
    server: str = ""

    @property
    def level(self) -> str:
        """`fleet`, `region`, `site`, `rack` or `server`: the narrowest field that is set."""
        return next((level for level in ("server", "rack", "site", "region") if getattr(self, level)), "fleet")

    def covers(self, other: "Place") -> bool:
        """True if `other` lies inside: every field set here has the same value there."""
        return all(
            not mine or mine == theirs
            for mine, theirs in (
                (self.region, other.region),
                (self.site, other.site),
                (self.rack, other.rack),
                (self.server, other.server),
            )
        )

    def __str__(self) -> str:
        words = [f"{level}:{value}" for level, value in self.model_dump().items() if value]
        return "/".join(words) or "fleet"

    @staticmethod
    def parse(text: str) -> "Place":
        """Reads what `str` writes: `fleet`, `region:nordics`, `site:oslo-1/rack:r1`."""
        if text == "fleet":
            return Place()
        fields: dict[str, str] = {}
        for part in text.split("/"):
            level, colon, value = part.partition(":")
            if not colon or not value or level not in Place.model_fields or level in fields:
                raise PlaceUnreadable(
                    f"{text!r} is no place",
                    do="Write fleet, region:NAME, site:NAME, site:NAME/rack:NAME or site:NAME/server:NAME.",
                )
            fields[level] = value
        return Place(**fields)


type Level = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?)?$")]
"""A name of ours, or nothing."""


class DeclaredPlace(Declared):
    """A place as somebody asks for it: a misspelt field is refused, for without it the place would be the whole fleet."""

    region: Level = ""
    site: Level = ""
    rack: Level = ""
    server: Level = ""

    @model_validator(mode="after")
    def _within_a_site(self) -> Self:
        problems = [
            Problem(path=level, message=f"a {level} stands at a site: say which, in `site`")
            for level in ("rack", "server")
            if getattr(self, level) and not self.site
        ]
        if problems:
            raise Inconsistent(problems)
        return self

    @property
    def place(self) -> Place:
        return Place(**self.model_dump())


class Role(StrEnum):
    """What a token may do. Each role may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Principal(Model):
    """Who is acting, as authentication found it: never taken from a request's body."""

    name: str
    role: Role
    place: Place = Place()
    token: str = ""
    """The id of the token that was shown."""

    def may(self, needed: Role, where: Place) -> bool:
        """A place outside the principal's is refused whatever the role; so is a wider one: a site's token never acts on a region."""
        return self.role.includes(needed) and self.place.covers(where)


class Token(Model):
    """A token as we keep it: never the secret itself, only its hash."""

    id: str
    label: str
    role: Role
    place: Place = Place()
    created_at: datetime
    created_by: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        return Principal(name=self.label, role=self.role, place=self.place, token=self.id)


class Session(Model):
    """A browser that signed in with a token. What it may do is read from the token each time, so a revoked token ends it."""

    token: str
    """The token's id."""
    created_at: datetime
    expires_at: datetime

    def valid_at(self, now: datetime) -> bool:
        return now < self.expires_at


def token_digest(secret: str) -> str:
    """SHA-256 of a token. A fast hash is enough because our tokens carry 256 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


class AuditFilter(Model):
    """Which records to list: at a site, of one operation, by one person. Empty: any."""

    site: str = ""
    operation: str = ""
    who: str = ""


class AuditEvent(Model):
    """Who did what to what. Written once, never changed."""

    at: datetime
    who: str
    action: str
    object: str
    place: Place = Place()
    on_behalf_of: str = ""
    operation: str = ""
    detail: Json = None
