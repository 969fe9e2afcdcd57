"""How many people one machine serves at once, and what each of them waits for. https://arxiv.org/abs/2405.08944"""

from __future__ import annotations

from dataclasses import dataclass

from longspan.plan.shape import Shape
from longspan.plan.speed import Speed


@dataclass(frozen=True, slots=True)
class Service:
    """Users of one machine, each with a text of the same length in its memory."""

    tokens: int
    """Of each user's text."""
    user_bytes: int
    """Stored tokens of one."""
    users: int
    """Whose stored tokens fit beside the weights."""
    prefill_seconds: float
    """Until a new user's text is read."""
    decode_seconds: float
    """For one token when one user waits for it."""
    together_seconds: float
    """For one token of each when all of them do: weights are read once, every user's stored tokens by themselves."""
    switch_seconds: float
    """To take one user's stored tokens out of memory and another's in, over the link; 0: no link was named."""


def serve(shape: Shape, speed: Speed, *, tokens: int, room: int, link: float = 0.0) -> Service:
    """Users whose texts of `tokens` fit in `room` bytes beside the weights, and what they wait for.

    `link` is bytes a second between the memory that computes and the one that users are moved to.
    """
    each = shape.kv_bytes(tokens)
    free = room - shape.weight_bytes - shape.work_bytes(min(tokens, 2048))
    users = max(0, free // each)
    alone = speed.decode(shape, 1, tokens)
    return Service(
        tokens=tokens,
        user_bytes=each,
        users=users,
        prefill_seconds=speed.prefill(shape, tokens),
        decode_seconds=alone,
        together_seconds=speed.step + max(1, users) * (alone - speed.step),
        switch_seconds=2 * each / link if link else 0.0,
    )
