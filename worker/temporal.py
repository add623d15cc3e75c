"""Connecting to Temporal, and what must be registered there: our search attributes and the retention."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client, Interceptor
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from domain.errors import Rejected, Transient
from worker.settings import TemporalSettings
from workflows.search_attributes import ALL

RETENTION = timedelta(days=30)
"""How long Temporal keeps what has ended; nothing older relies on it."""

AGAIN_S = 2.0
NEW_NAMESPACE_S = 30.0
"""A cluster's nodes read the list of namespaces every few seconds; until then they do not know a new one."""

log = logging.getLogger(__name__)


class TemporalUnreachable(Transient):
    """No Temporal server answers."""

    kind = "temporal-unreachable"


async def connect(
    settings: TemporalSettings,
    *,
    runtime: Runtime | None = None,
    lazy: bool = False,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """A client with our data converter. Raises `TemporalUnreachable`."""
    try:
        return await Client.connect(
            settings.address,
            namespace=settings.namespace,
            data_converter=pydantic_data_converter,
            tls=_tls(settings),
            api_key=_text(settings.api_key_file),
            runtime=runtime,
            lazy=lazy,
            interceptors=interceptors,
        )
    except (RuntimeError, RPCError) as error:
        raise TemporalUnreachable(
            f"Temporal does not answer at {settings.address}: {error}",
            do="Start it (`edgewright up`), or correct EDGEWRIGHT_TEMPORAL_ADDRESS.",
        ) from error


async def connect_patiently(
    settings: TemporalSettings,
    *,
    runtime: Runtime | None = None,
    within_s: float | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """As `connect`, but waits for a Temporal that does not answer yet; for ever, if `within_s` is not given.

    A worker that ended instead would have to be started again by somebody.
    """
    deadline = None if within_s is None else time.monotonic() + within_s
    while True:
        try:
            return await connect(settings, runtime=runtime, interceptors=interceptors)
        except TemporalUnreachable as error:
            if deadline is not None and time.monotonic() > deadline:
                raise
            log.warning("%s Trying again.", error.message)
            await asyncio.sleep(AGAIN_S)


def _tls(settings: TemporalSettings) -> TLSConfig | bool:
    if not settings.tls:
        return False
    return TLSConfig(
        server_root_ca_cert=_bytes(settings.ca_file),
        client_cert=_bytes(settings.client_certificate_file),
        client_private_key=_bytes(settings.client_key_file),
    )


def _bytes(file: Path | None) -> bytes | None:
    return file.read_bytes() if file is not None else None


def _text(file: Path | None) -> str | None:
    return file.read_text().strip() if file is not None else None


async def missing(client: Client) -> tuple[str, ...]:
    """What `ensure` would register, in words. Empty: everything is there."""
    try:
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return (f"namespace {client.namespace}",)
        raise
    found = [f"search attribute {key.name}" for key in await _absent(client)]
    kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
    if kept < RETENTION:
        found.append(f"retention of {RETENTION.days} days (it is {kept.days})")
    return tuple(found)


async def ensure(client: Client) -> tuple[str, ...]:
    """Registers namespace, search attributes and retention; on a second run it changes nothing. Returns what it did.

    Raises:
        Rejected: a search attribute of our name has another type, or we may not change the namespace.
    """
    done: list[str] = []
    service = client.workflow_service
    ttl = Duration()
    ttl.FromTimedelta(RETENTION)
    try:
        described = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
        if described.config.workflow_execution_retention_ttl.ToTimedelta() < RETENTION:
            config = NamespaceConfig(workflow_execution_retention_ttl=ttl)
            await service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
            done.append(f"retention of {RETENTION.days} days")
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise _refused(client, error) from error
        await service.register_namespace(
            RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=ttl)
        )
        done.append(f"namespace {client.namespace}")
        await _known(client)
    return (*done, *await ensure_search_attributes(client))


async def _known(client: Client) -> None:
    """Waits until a namespace that was just registered can be used."""
    deadline = time.monotonic() + NEW_NAMESPACE_S
    while True:
        try:
            await _absent(client)
            return
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.5)


async def ensure_search_attributes(client: Client) -> tuple[str, ...]:
    """Registers those of ours that are missing. Raises `Rejected` if one has another type."""
    absent = await _absent(client)
    if absent:
        await register_search_attributes(client, absent)
    return tuple(f"search attribute {key.name}" for key in absent)


async def register_search_attributes(client: Client, keys: Iterable[SearchAttributeKey[Any]] = ALL) -> None:
    """Registers search attributes without looking first; one that another process registered meanwhile is fine."""
    types = {key.name: _indexed(key) for key in keys}
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise _refused(client, error) from error


async def _absent(client: Client) -> tuple[SearchAttributeKey[Any], ...]:
    there = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    types = dict(there.custom_attributes)
    for key in ALL:
        if key.name in types and types[key.name] != _indexed(key):
            have = IndexedValueType.Name(types[key.name])
            raise Rejected(
                f"Temporal's search attribute {key.name} has type {have}, we need {IndexedValueType.Name(_indexed(key))}.",
                do=f"Remove it in namespace {client.namespace} (`temporal operator search-attribute remove`), then bootstrap.",
            )
    return tuple(key for key in ALL if key.name not in types)


def _indexed(key: SearchAttributeKey[Any]) -> IndexedValueType.ValueType:
    return key.indexed_value_type.value  # pyright: ignore[reportReturnType]


def _refused(client: Client, error: RPCError) -> Rejected:
    return Rejected(
        f"Temporal refused to set up namespace {client.namespace}: {error.message}",
        do="Let somebody with administrator rights run `edgewright bootstrap` once.",
    )
