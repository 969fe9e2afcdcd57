"""Stored tokens of one session, ready to be stored by another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Layer


class Opening(Protocol):
    """A session, before it is entered."""

    def __enter__(self) -> Self:
        """Take the model over."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


S = TypeVar("S", bound=Opening)


def opened(session: S, read: Callable[[S], object]) -> S:
    """Enter a session and read with it; closed where that fails."""
    try:
        read(session.__enter__())
    except BaseException:
        session.close()
        raise
    return session


def stored(parts: Iterable[KV], *, before: int) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values [1, G, S, D] and positions [1, S] before a position, in the order of the text.

    Raises InputError where the heads do not hold the same tokens.
    """
    whole = list(parts)
    if any(part.rows or part.heads or not _alike(part.pos_BGS) for part in whole):
        raise InputError(
            "a draft takes over what the model stores, and this kv= method stores other tokens for each head: "
            "choose draft=prompt_lookup, or kv=full"
        )
    pos_S = torch.cat([part.pos_BGS[0, 0] for part in whole])
    order_S = pos_S.argsort(stable=True)
    order_S = order_S[(pos_S[order_S] < before) & (pos_S[order_S] != EMPTY)]
    k, v = (torch.cat([part.k_BGSD for part in whole], 2), torch.cat([part.v_BGSD for part in whole], 2))
    return k[:, :, order_S], v[:, :, order_S], pos_S[None, order_S]


def turned(k_BGSD: Tensor, pos_BS: Tensor, source: Layer, target: Layer) -> Tensor:
    """Keys rotated as the target stores them."""
    if source.rotated == target.rotated:
        return k_BGSD
    pos_BGS, rotation = pos_BS[:, None], source.rotation
    if target.rotated:
        return rotate(k_BGSD, pos_BGS, rotation)
    return rotate(k_BGSD, -pos_BGS, replace(rotation, temperature=1 / rotation.temperature))


def _alike(pos_BGS: Tensor) -> bool:
    return pos_BGS.stride(1) == 0 or bool((pos_BGS == pos_BGS[:, :1]).all())
