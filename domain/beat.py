"""Signs of life during long work."""

from collections.abc import Callable

type Beat = Callable[[str], None]
"""Called now and then during long work, with where it stands."""


def no_beat(_detail: str) -> None:
    """For callers that nobody watches."""
