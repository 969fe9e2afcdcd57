"""Shortening a context that does not fit, only when asked to, and saying so."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from longspan.core.errors import InputError
from longspan.evals.task import Counter, Sample

Side = Literal["middle", "left", "right"]
SIDES: tuple[Side, ...] = ("middle", "left", "right")


def cut(sample: Sample, side: Side, *, limit: int, count: Counter) -> Sample:
    """The sample with as little of its context left out as makes prompt and reply fit `limit` tokens.

    The question stays whole; InputError where it does not fit by itself.
    """
    low, high = 0, len(sample.context)
    if _tokens(_kept(sample, side, 0), count) > limit:
        raise InputError(f"the question of sample {sample.id} of {sample.task} alone is longer than {limit:,} tokens")
    while high - low > max(1, len(sample.context) // 4096):
        middle = (low + high) // 2
        low, high = (middle, high) if _tokens(_kept(sample, side, middle), count) <= limit else (low, middle)
    return _kept(sample, side, low)


def _kept(sample: Sample, side: Side, characters: int) -> Sample:
    text = sample.context
    first = {"middle": characters - characters // 2, "left": 0, "right": characters}[side]
    last = characters - first
    context = text[:first] + (text[len(text) - last :] if last else "")
    return replace(sample, context=context, spans=(), depth=None)


def _tokens(sample: Sample, count: Counter) -> int:
    return count(sample.prompt, sample.start) + sample.max_tokens
