"""What a run will take, before it starts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from longspan.core.errors import InputError
from longspan.plan.shape import CHUNK, Shape


def check(shape: Shape, tokens: int, held: Mapping[str, int], room: int) -> None:
    """InputError, with the figures, for a prompt and reply beyond `room` bytes of free memory; 0: nobody can tell.

    `held` names the peers and what bytes they hold all the time.
    """
    wanted = estimate(shape, tokens, held)
    if not room or wanted <= room:
        return
    most = bisect_right(range(tokens), room, key=lambda length: estimate(shape, length, held)) - 1
    less = f"ask for at most {most:,}" if most > 0 else "take a smaller model"
    beside = f" beside {', '.join(held)}; {session(shape, tokens) / 2**30:.2f} alone" if held else ""
    raise InputError(
        f"{tokens:,} tokens of prompt and reply take about {wanted / 2**30:.2f} GiB more than the loaded model{beside}"
        f", and {room / 2**30:.2f} GiB are free: {less}{' or name fewer peers in --vs' if held else ''}"
    )


def estimate(shape: Shape, tokens: int, held: Mapping[str, int]) -> int:
    """The most bytes at once beside the loaded model: what peers hold all the time, and the largest run of any side."""
    one_pass = any(peer in held for peer in ("transformers", "kvpress"))
    return sum(held.values()) + max(session(shape, tokens), whole(shape, tokens) if one_pass else 0)


def session(shape: Shape, tokens: int) -> int:
    """Bytes of this library's run, which stores every token and reads in chunks."""
    return shape.kv_bytes(tokens) + shape.work_bytes(min(CHUNK, tokens))


def whole(shape: Shape, tokens: int) -> int:
    """Bytes of transformers' run, which reads in one pass; layers that slide are masked, a byte for every pair."""
    return shape.layers * tokens * shape.token_bytes + shape.work_bytes(tokens) + tokens**2 * bool(shape.sliding_layers)
