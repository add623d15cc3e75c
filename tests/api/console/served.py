"""`python -m tests.api.console.served`: the console with sample data on http://127.0.0.1:8799, to look at while working on it.

The token is ROLE-SCOPE: admin-fleet, viewer-site …
"""

import asyncio
import sys

import uvicorn
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.app import create_app
from tests.api.conftest import services_with
from tests.api.console.furnished import furnish


async def _services() -> Client:
    return await Client.connect("127.0.0.1:9", lazy=True, data_converter=pydantic_data_converter)


if __name__ == "__main__":
    services, _ = services_with(asyncio.run(_services()))
    print(furnish(services, services.operations, services.findings, services.plans))
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8799
    uvicorn.run(create_app(services, with_chores=False), host="127.0.0.1", port=port, log_level="warning")
