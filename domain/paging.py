"""Lists come in pages: a cursor names the last row a reader saw, so that rows which come or go meanwhile shift nothing."""

from domain.errors import Rejected
from domain.model import Model

PAGE_LIMIT = 500
"""No page is larger, whatever is asked for."""


class CursorUnreadable(Rejected):
    """A cursor that no list of ours gave out."""

    kind = "cursor-unreadable"


class PageRequest(Model):
    cursor: str = ""
    limit: int = 50


class Page[T](Model):
    """`next` is the cursor of the following page; empty on the last one."""

    items: tuple[T, ...]
    next: str = ""
