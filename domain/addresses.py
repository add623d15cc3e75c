"""Addresses, prefixes, ranges and AS numbers as a declaration writes them: checked, normalised, counted. Pure."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _prefix(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=True))


def _address_range(value: str) -> str:
    """`10.0.0.1`, `10.0.0.0/27` or `10.0.0.5-10.0.0.20`, normalised."""
    if "-" in value:
        first, _, last = (part.strip() for part in value.partition("-"))
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{value} is no range: write the lower address first")
        return f"{low}-{high}"
    return _prefix(value) if "/" in value else _address(value)


def _asns(value: str) -> str:
    found = re.fullmatch(r"([0-9]{1,10})-([0-9]{1,10})", value)
    if found is None:
        raise ValueError(
            f"{value!r} is no range of AS numbers: write FIRST-LAST in digits, such as 4200010000-4200010063"
        )
    first, last = int(found[1]), int(found[2])
    if not 1 <= first <= last <= 4294967295:
        raise ValueError(f"{value!r} is no range of AS numbers: they go from 1 to 4294967295, the lower one first")
    return value


type Address = Annotated[str, AfterValidator(_address)]
type Prefix = Annotated[str, AfterValidator(_prefix)]
type AddressRange = Annotated[str, AfterValidator(_address_range)]
type AsnRange = Annotated[str, AfterValidator(_asns)]
"""`4200010000-4200010063`."""


def addresses_of(value: str) -> Iterator[str]:
    """Every address of a normalised `AddressRange`; a prefix without its network and broadcast addresses."""
    if "-" in value:
        low, high = (ipaddress.ip_address(part) for part in value.split("-"))
        return (str(ipaddress.ip_address(n)) for n in range(int(low), int(high) + 1))
    if "/" in value:
        return (str(host) for host in ipaddress.ip_network(value).hosts())
    return iter((value,))


def count_of(value: str) -> int:
    """How many addresses an `AddressRange` has, without listing them."""
    if "-" in value:
        low, high = (int(ipaddress.ip_address(part)) for part in value.split("-"))
        return high - low + 1
    return ipaddress.ip_network(value).num_addresses if "/" in value else 1


def holds(value: str, address: str) -> bool:
    """Whether an address lies in a normalised `AddressRange`."""
    ip = ipaddress.ip_address(address)
    if "/" in value:
        return ip in ipaddress.ip_network(value)
    low, high = (ipaddress.ip_address(part) for part in (value.split("-") if "-" in value else (value, value)))
    return ip.version == low.version and int(low) <= int(ip) <= int(high)
