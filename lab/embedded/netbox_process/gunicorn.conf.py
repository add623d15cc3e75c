"""Boots NetBox once and forks: workers share the boot's 11 CPU seconds and most of its memory."""

import gc
from typing import Any

preload_app = True
workers = 2
threads = 4
timeout = 120
graceful_timeout = 5
loglevel = "warning"


def when_ready(server: Any) -> None:
    # What the boot made is never collected, so its pages stay shared with the workers.
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    # A database connection opened during the boot must not be used by two processes.
    from django.db import connections  # pyright: ignore[reportMissingImports]

    connections.close_all()
