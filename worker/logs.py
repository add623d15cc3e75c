"""What a worker process writes: one line per event, plain or JSON (EDGEWRIGHT_LOG_FORMAT), no traceback for what we expect."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

from domain.errors import EdgewrightError

PLAIN = "%(asctime)s %(levelname)s %(name)s %(message)s"
CHATTY = ("httpx", "httpcore", "urllib3", "alembic", "redfish")


class ExpectedErrors(logging.Filter):
    """An activity that failed with an error of ours is told in one line: it is retried, or shown to a person."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        ours = error.__cause__ if error is not None else None
        if isinstance(ours, EdgewrightError):
            what = getattr(record, "temporal_activity", None) or {}
            name, attempt = what.get("activity_type", "an activity"), what.get("attempt", "?")
            record.msg = f"{name}, attempt {attempt}: {ours.kind}: {ours.message}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if os.environ.get("EDGEWRIGHT_LOG_FORMAT") == "json" else logging.Formatter(PLAIN))
    handler.addFilter(ExpectedErrors())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
