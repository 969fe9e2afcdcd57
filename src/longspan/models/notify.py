"""How model code says one line to a person."""

from collections.abc import Callable

Notify = Callable[[str], None]
"""Takes one finished line."""


def unheard(line: str) -> None:
    """Say nothing."""
