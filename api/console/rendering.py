"""From data to pages: the templates, and the few words and numbers they need. Everything is escaped unless a template is ours."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from api.console import words
from api.console.sessions import PATH, SignedIn
from api.context import now
from domain.plan import shown_hash

STATIC = Path(__file__).parent / "static"


@cache
def templates() -> Environment:
    made = Environment(
        loader=PackageLoader("api.console", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"when": when, "span": span, "plain": plain, "gauge": gauge, "shown_hash": shown_hash}
    made.globals |= {"words": words, "static": static, "console": PATH, "new_key": lambda: uuid.uuid4().hex}
    return made


def page(
    request: Request, template: str, signed_in: SignedIn | None, *, status: int = HTTPStatus.OK, **shown: Any
) -> HTMLResponse:
    text = (
        templates()
        .get_template(template)
        .render(
            me=signed_in,
            path=request.url.path,
            done=words.DONE.get(request.query_params.get("done", ""), ""),
            at=now(),
            **shown,
        )
    )
    return HTMLResponse(text, status)


@cache
def static(name: str) -> str:
    """The address of a file of ours; changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{PATH}/static/{name}?v={digest}"


def when(stamp: datetime | None) -> Markup:
    """`2026-11-25 02:14:05 UTC (3 min ago)`, machine-readable too."""
    if stamp is None:
        return Markup("")
    utc = stamp.astimezone(UTC)
    return Markup('<time datetime="{}"><span class="nowrap">{} UTC</span> <small>{}</small></time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M:%S}", relative(utc, now())
    )


def relative(stamp: datetime, at: datetime) -> str:
    seconds = (at - stamp).total_seconds()
    text = span(timedelta(seconds=abs(seconds)))
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def plain(value: Any) -> str:
    """A JSON value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def gauge(step: Any) -> int | None:
    """How far a step that counts is, in percent."""
    return None if not step.total else round(100 * min(step.done or 0, step.total) / step.total)
