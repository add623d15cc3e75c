"""The parts of docs/api.md that are made from the code. `python -m tests.api.document` writes them anew."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api import problems
from api.app import ROUTERS
from api.deps import Needs
from cli.exit_codes import ExitCode, meaning
from domain import errors

FILE = Path(__file__).parents[2] / "docs" / "api.md"


def made(document: dict[str, Any]) -> dict[str, str]:
    """Each generated part by the name in its marks."""
    return {
        "operations": "\n".join(_operations(document)),
        "errors": "\n".join(_errors()),
        "exit-codes": "\n".join(_exit_codes()),
    }


def _operations(document: dict[str, Any]) -> Iterator[str]:
    roles = {
        route.operation_id: dependency.call.role.value
        for router in ROUTERS
        for route in router.routes
        for dependency in route.dependant.dependencies  # pyright: ignore
        if isinstance(dependency.call, Needs)
    }
    roles |= {"metrics": "viewer"}
    yield "| operation | request | least role | what |"
    yield "| --- | --- | --- | --- |"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            identity = operation["operationId"]
            what = operation.get("description", "").splitlines()
            role = roles.get(identity, "none")
            yield f"| `{identity}` | `{method.upper()} {path}` | {role} | {what[0] if what else ''} |"


def _errors() -> Iterator[str]:
    yield "| kind of error | status | tried again by workflows |"
    yield "| --- | --- | --- |"
    for kind in (errors.Rejected, errors.Conflict, errors.Transient, errors.Throttled, errors.NotYet):
        status = problems.status_of(kind("x"))
        yield f"| {kind.__name__} | {int(status)} {status.phrase} | {'yes' if kind.retryable else 'no'} |"
    for word, status in problems.STATUS_BY_KIND.items():
        yield f"| `{word}` | {int(status)} {status.phrase} | no |"


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code in ExitCode:
        yield f"| {code.value} | {meaning(code)} |"


def written(text: str, parts: dict[str, str]) -> str:
    """The document with its generated parts as they are now."""
    for name, part in parts.items():
        mark = re.compile(rf"(<!-- made: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        assert mark.search(text), f"docs/api.md has no marks for {name}"
        text = mark.sub(lambda found, part=part: found[1] + part + found[2], text)
    return text


def openapi() -> dict[str, Any]:
    """The application's own document; nothing is reached for it."""
    import asyncio

    from temporalio.client import Client

    from api.app import create_app
    from tests.api.conftest import services_with

    async def client() -> Client:
        return await Client.connect("127.0.0.1:9", lazy=True)

    services, _ = services_with(asyncio.run(client()))
    return create_app(services, with_chores=False).openapi()


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text(), made(openapi())))
