"""A layer without a model: random queries, keys and values of a text, given to a store as a session gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from longspan.core.attend import Page, Seen, attend
from longspan.core.types import EMPTY, Layer, Moment, Rotation
from longspan.pattern.dense import Dense
from longspan.position.plain import Plain


@dataclass
class Tape:
    """A text of `pos_BT.shape[1]` slots in one layer."""

    page: Page
    q_BHTD: Tensor
    k_BGTD: Tensor
    v_BGTD: Tensor
    pos_BT: Tensor

    def play(self, store: Any, start: int, end: int, moment: Moment) -> Tensor:
        cut = slice(start, end)
        q_BHTD, pos_BT = self.q_BHTD[:, :, cut], self.pos_BT[:, cut]
        store.append(self.k_BGTD[:, :, cut], self.v_BGTD[:, :, cut], pos_BT)
        out = attend(self.page, q_BHTD, pos_BT, store.read(q_BHTD, pos_BT))
        store.observe(Seen(self.page, q_BHTD, pos_BT, moment))
        return out

    def prompt(self, store: Any, length: int, chunk: int) -> None:
        for start in range(0, length, chunk):
            end = min(start + chunk, length)
            self.play(store, start, end, "prompt_end" if end == length else "chunk")

    def naive(self, kept: dict[tuple[int, int], list[int]], start: int, end: int) -> Tensor:
        """Attention of slots over the kept positions of each (row, head) and, causally, over themselves."""
        B, H, _, D = self.q_BHTD.shape
        out = torch.zeros(B, H, end - start, D)
        for b in range(B):
            slot = {int(pos): t for t, pos in enumerate(self.pos_BT[b]) if pos != EMPTY}
            for h in range(H):
                g = h * self.k_BGTD.shape[1] // H
                for t in range(start, end):
                    seen = [slot[pos] for pos in kept[b, g]] + list(range(start, t + 1))
                    scores = self.k_BGTD[b, g, seen] @ self.q_BHTD[b, h, t] * self.page.scale
                    out[b, h, t - start] = torch.softmax(scores, 0) @ self.v_BGTD[b, g, seen]
        return out


def kept_positions(store: Any, rows: int, heads: int) -> dict[tuple[int, int], list[int]]:
    """The positions that each (row, head) holds, in the order they are stored."""
    kept: dict[tuple[int, int], list[int]] = {}
    for part in store.read(torch.empty(0), torch.empty(0)):
        for b, row in enumerate(range(*(part.rows or (0, rows)))):
            for g, head in enumerate(range(*(part.heads or (0, heads)))):
                assert (row, head) not in kept
                kept[row, head] = [pos for pos in part.pos_BGS[b, g].tolist() if pos != EMPTY]
    return kept


@pytest.fixture
def kept_of() -> Callable[..., dict[tuple[int, int], list[int]]]:
    return kept_positions


@pytest.fixture
def tape() -> Callable[..., Tape]:
    def make(length: int, *, pads: tuple[int, ...] = (0,), heads: int = 4, kv_heads: int = 2, seed: int = 0) -> Tape:
        generator, dim = torch.Generator().manual_seed(seed), 8
        rotation = Rotation(10_000.0 ** (-torch.arange(0, dim, 2) / dim))
        layer = Layer(0, 1, heads, kv_heads, dim, rotation, True, torch.device("cpu"), torch.float32)
        q, k, v = (torch.randn(len(pads), n, length, dim, generator=generator) for n in (heads, kv_heads, kv_heads))
        pos = torch.arange(length) - torch.tensor(pads)[:, None]
        return Tape(Page(layer, Plain(), Dense(), dim**-0.5), q, k, v, pos.clamp_min(EMPTY))

    return make
