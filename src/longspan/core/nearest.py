"""What was probably meant by a word that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 24
"""Names listed at most in one message."""


def choices(word: str, known: Iterable[str]) -> str:
    """Say the nearest match of `word` and what exists.

    >>> choices("snapvk", ["h2o", "snapkv"])
    "did you mean 'snapkv'? There are: h2o, snapkv"
    """
    names = sorted(set(known))
    if not names:
        return "there are none"
    listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}? There are: {listed}" if close else f"there are: {listed}"
