"""The stack as a whole: what compose calls healthy is ready, and the devices worker sees neither Postgres nor NetBox."""

import httpx
import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.conftest import RunningTemporal
from tests.containers.compose_stack.conftest import ComposeStack
from worker.temporal import missing

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]


def test_the_api_is_ready(compose_stack: ComposeStack) -> None:
    answer = httpx.get(f"http://127.0.0.1:{compose_stack.api_port}/readyz", timeout=20)
    assert answer.status_code == 200, answer.text


def test_the_first_administrators_token_opens_the_api(compose_stack: ComposeStack) -> None:
    headers = {"Authorization": f"Bearer {compose_stack.secret('edgewright/api-admin-token')}"}
    answer = httpx.get(f"http://127.0.0.1:{compose_stack.api_port}/v1/operations", headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text


async def test_temporal_on_postgres_has_our_namespace_attributes_and_retention(temporal: RunningTemporal) -> None:
    client = await Client.connect(
        temporal.address, namespace=temporal.namespace, data_converter=pydantic_data_converter
    )
    assert await missing(client) == ()


@pytest.mark.parametrize("host", ["postgres", "netbox"])
def test_the_devices_worker_cannot_even_resolve_postgres_and_netbox(compose_stack: ComposeStack, host: str) -> None:
    program = f"import socket\ntry: socket.getaddrinfo('{host}', 80)\nexcept OSError: print('unreachable')"
    shown, _, _ = compose_stack.compose.exec_in_container(["python", "-c", program], "devices-worker")
    assert shown.strip() == "unreachable"
