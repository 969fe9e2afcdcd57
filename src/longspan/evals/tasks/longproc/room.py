"""How much of a length the reply takes, and what fills the rest."""

from __future__ import annotations

from math import ceil
from random import Random

from longspan.evals.ask import Ask

PAPER = "https://arxiv.org/abs/2501.05414"
SPARE = 1.25
"""Tokens a reply may take for each that its reference takes."""


def room(ask: Ask, reference: str) -> int:
    """Tokens that a reply may take."""
    return ceil(SPARE * ask.count(reference)) + 16


def lines(ask: Ask, share: float, line: str, *, least: int = 3) -> int:
    """How many lines like this one a reply has that takes `share` of the length."""
    each = (ask.count("\n".join([line] * 21)) - ask.count(line)) / 20
    return max(least, int(share * ask.length / SPARE / max(1.0, each)))


def notes(ask: Ask, random: Random, size: int) -> list[str]:
    """`size` words of real text as lines that begin with `Note:`."""
    return [f"Note: {text}" for text in ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)]
