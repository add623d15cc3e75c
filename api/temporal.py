"""The API's connection to Temporal, made when it is first needed, so that the API starts and answers without Temporal."""

from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from api.settings import ApiSettings

NO_ANSWER = (RPCError, RuntimeError)
"""What a call raises that Temporal refused or did not answer; RuntimeError if the connection could not be made."""


def code_of(error: RPCError | RuntimeError) -> RPCStatusCode:
    return error.status if isinstance(error, RPCError) else RPCStatusCode.UNAVAILABLE


def words_of(error: RPCError | RuntimeError) -> str:
    """What Temporal said, for people. The connection's own errors are of the transport's making and help nobody."""
    text = str(error)
    return "no connection to it could be made" if "onnect" in text else text.splitlines()[0]


async def connect(settings: ApiSettings, interceptors: Sequence[Interceptor] = ()) -> Client:
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        tls=_tls(settings),
        api_key=settings.temporal_api_key_file.read_text().strip() if settings.temporal_api_key_file else None,
        lazy=True,
        interceptors=interceptors,
    )


def _tls(settings: ApiSettings) -> TLSConfig | bool:
    if not settings.temporal_tls:
        return False
    return TLSConfig(
        server_root_ca_cert=_bytes(settings.temporal_ca_file),
        client_cert=_bytes(settings.temporal_client_certificate_file),
        client_private_key=_bytes(settings.temporal_client_key_file),
    )


def _bytes(file: Path | None) -> bytes | None:
    return file.read_bytes() if file is not None else None
