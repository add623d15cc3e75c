"""The API as a process: from the environment to a listening server, and out again without a crash at exit."""

import asyncio
import logging
import os
import sys

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.settings import ApiSettings
from api.wiring import services_from
from domain.errors import EdgewrightError
from store.settings import StoreSettings
from workflows.tracing import Tracing, tracing

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


async def _serve() -> None:
    settings = ApiSettings()
    traces = tracing("api")
    app = create_app(await services_from(settings, StoreSettings(), traces.interceptors))
    _trace_requests(app, traces)
    config = uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        # Streams of watchers are open for hours; a stop does not wait for them.
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    await uvicorn.Server(config).serve()
    traces.close()


def _trace_requests(app: FastAPI, traces: Tracing) -> None:
    if traces.provider is None:
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    # What watches the process asks every few seconds, and is of no interest.
    FastAPIInstrumentor.instrument_app(app, tracer_provider=traces.provider, excluded_urls="healthz,readyz,metrics")


def serve_until_stopped() -> None:
    """Never returns: a process that used a Temporal client may crash in its ordinary exit, so it leaves the short way."""
    logging.basicConfig(level=logging.INFO, format=FORMAT, stream=sys.stderr)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    code = 0
    try:
        asyncio.run(_serve())
    except KeyboardInterrupt:
        pass
    except EdgewrightError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
