"""Out of a process that used a Temporal client: its ordinary exit may crash (sdk-python issue 300), so it leaves the short way."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import NoReturn

from domain.errors import EdgewrightError
from worker.logs import to_stderr

log = logging.getLogger(__name__)


def run_and_leave(work: Coroutine[object, object, None]) -> NoReturn:
    """Runs it to its end; what we raise on purpose becomes sentences and exit code 1."""
    to_stderr()
    code = 0
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        pass
    except EdgewrightError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    except Exception:
        log.exception("ended by an error nobody expected")
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
