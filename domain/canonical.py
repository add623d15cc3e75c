"""One byte form for a JSON value (RFC 8785), so that a hash or a signature of it means the same everywhere."""

import hashlib

import rfc8785
from pydantic import BaseModel

from domain.model import Json


def canonical(value: Json | BaseModel) -> bytes:
    """The canonical JSON of a value or model. Raises `rfc8785.CanonicalizationError` for what JSON cannot carry exactly (NaN, 2^53)."""
    return rfc8785.dumps(value.model_dump(mode="json") if isinstance(value, BaseModel) else value)


def digest(value: Json | BaseModel) -> str:
    """SHA-256 over the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
