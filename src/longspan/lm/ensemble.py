"""What several windows of one long text say together, by any model that tells how likely a reply is."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from longspan.core.errors import InputError
from longspan.lm.lm import Message


class Rater(Protocol):
    """A language model that tells how likely replies are."""

    async def log_probs(self, messages: Sequence[Message], replies: Sequence[str]) -> list[float]:
        """The natural logarithm of each reply's probability after the messages, one at most 0 per reply."""
        ...


@dataclass(frozen=True, slots=True)
class Vote:
    """What the windows say together."""

    reply: str
    """The most likely."""
    shares: Mapping[str, float]
    """How likely each reply is among those asked about; they add up to 1."""


async def vote(
    rater: Rater, windows: Sequence[Sequence[Message]], replies: Sequence[str], weights: Sequence[float] = ()
) -> Vote:
    """Choose the reply whose weighted sum of log-probabilities over the windows is greatest. https://arxiv.org/abs/2305.15262

    Every window is a whole prompt: a part of the text or of the examples, and the question. Weights are equal unless
    given, one per window, and count as shares of their sum. InputError without windows or replies, for replies that
    are the same, and for weights that are negative, all 0 or of another number.
    """
    weights = list(weights) or [1.0] * len(windows)
    if not windows or not replies or len(set(replies)) < len(replies):
        raise InputError(f"{len(windows)} windows and {len(replies)} replies: give one at least of each, none twice")
    if len(weights) != len(windows) or min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise InputError(f"weights {weights}: give one that is not negative for each of {len(windows)} windows")
    rated = await asyncio.gather(*(rater.log_probs(window, replies) for window in windows))
    total = sum(weights)
    sums = [
        sum(weight * each for weight, each in zip(weights, column, strict=True)) / total
        for column in zip(*rated, strict=True)
    ]
    highest = max(sums)
    parts = [math.exp(each - highest) for each in sums]
    shares = {reply: part / sum(parts) for reply, part in zip(replies, parts, strict=True)}
    return Vote(replies[sums.index(highest)], shares)
