"""What a BMC gets from a URL that a client names: images of media and of firmware. Nothing is asked for off this machine."""

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from lab.virtual.bmc.controller import Bmc

LARGEST = 1_000_000


class Unfetched(Exception):
    """Could not be had. `key` and `arguments` are of the Base registry."""

    def __init__(self, key: str, *arguments: object) -> None:
        super().__init__(key)
        self.key, self.arguments = key, arguments


@dataclass(frozen=True)
class Source:
    url: str
    user: str = ""
    password: str = ""


def is_loopback(url: str) -> bool:
    """Only literal loopback addresses and `localhost`: a name could lead anywhere."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def fetch(bmc: "Bmc", source: Source, *, head: bool = False) -> bytes:
    """The bytes, or with `head` nothing but that they are there. Raises `Unfetched`, also if the BMC died over it."""
    client, life = bmc.http, bmc.life
    if client is None or not is_loopback(source.url):
        raise Unfetched("CouldNotEstablishConnection", source.url)
    login = aiohttp.BasicAuth(source.user, source.password) if source.user else None
    try:
        # A redirect could lead anywhere, and is not followed.
        async with client.request(
            "HEAD" if head else "GET", source.url, auth=login, ssl=False, allow_redirects=False
        ) as answer:
            if answer.status in (401, 403):
                raise Unfetched("ResourceAtUriUnauthorized", source.url, str(answer.status))
            if answer.status >= 300:
                raise Unfetched("InvalidURI", source.url)
            found = b""
            async for chunk in answer.content.iter_chunked(65536):
                found += chunk
                if len(found) > LARGEST:
                    raise Unfetched("ResourceAtUriInUnknownFormat", source.url)
            if bmc.life != life:
                raise Unfetched("CouldNotEstablishConnection", source.url)
            return found
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Unfetched("CouldNotEstablishConnection", source.url) from error
