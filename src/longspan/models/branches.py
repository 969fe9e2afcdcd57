"""A tree of guesses that the model reads at once, and of which one branch is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from longspan.core.attend import Page, Seen, attend
from longspan.core.errors import InputError
from longspan.core.rotate import sharpen
from longspan.core.types import KV, Store, Watch
from longspan.models import takeover

Open = Callable[[Any, Tensor, Tensor, float, int], tuple[Store, Page]]
"""From an attention module, its queries and keys, scale and window to its store and the way it attends."""
Angles = Callable[[str], tuple[Tensor, Tensor] | None]
"""A layer type's cosine and sine of the tree's tokens."""


class Branches:
    """One run of the model over tokens that each follow one before them, or the text read so far (parent -1).

    A token sees the text and those it comes after; its position is theirs and one. `first` is that of the tokens that
    follow the text. In every layer attention over the text and over the tree are two runs, merged by log-sum-exp.
    """

    def __init__(self, model: Any, tokens: Sequence[int], parents: Sequence[int], *, first: int) -> None:
        self._model = model
        self._first = first
        device, count = model.device, len(tokens)
        if len(parents) != count or any(not -1 <= parent < at for at, parent in enumerate(parents)):
            raise ValueError("each token of a tree follows one before it or the text (-1)")
        seen_TT, depths = torch.eye(count, dtype=torch.bool), list[int]()
        for at, parent in enumerate(parents):
            depths.append(depths[parent] + 1 if parent >= 0 else 0)
            if parent >= 0:
                seen_TT[at] |= seen_TT[parent]
        self._seen_TT = seen_TT.to(device)
        self._text_BT = torch.tensor([list(tokens)], device=device)
        self.pos_BT = torch.tensor([depths], device=device) + first
        """Positions of the tokens, [1, T]."""
        self._ran: list[tuple[Store, Page, Tensor, Tensor, Tensor]] = []

    def run(self, open_layer: Open, angles: Angles) -> Tensor:
        """Logits [T, V] in float32 after each token."""
        self._open, self.angles = open_layer, angles
        with takeover.running(self):
            logits_BTV: Tensor = self._model(
                input_ids=self._text_BT, position_ids=self.pos_BT, use_cache=False
            ).logits.float()
        if not bool(torch.isfinite(logits_BTV.sum())):
            raise InputError(f"{type(self._model).__name__} gave non-finite numbers: leave draft= out to see where")
        return logits_BTV[0]

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Store the tree's keys and values for now, and attend."""
        store, page = self._open(module, query, key, scale, window)
        query = query if window else sharpen(query, self.pos_BT, page.layer)
        store.append(key, value, self.pos_BT)
        self._ran.append((store, page, query, key, value))
        parts = [cut for part in store.read(query, self.pos_BT) for cut in self._cut(part)]
        return attend(page, query, self.pos_BT, parts)

    def _cut(self, part: KV) -> Iterator[KV]:
        """The text and the tree apart."""
        past = len(part) - part.new
        if past:
            yield _slots(part, slice(0, past))
        if part.new:
            yield replace(_slots(part, slice(past, None)), holes=True, seen_TS=self._seen_TT[:, -part.new :])

    def keep(self, path: Sequence[int], watch: Watch | None) -> tuple[Tensor, Tensor]:
        """Store a branch, from its first token on, in place of the tree: its tokens and positions [1, T]."""
        path_N = torch.tensor(list(path), device=self.pos_BT.device)
        length_1, pos_BT = torch.full_like(self.pos_BT[:, 0], self._first), self.pos_BT[:, path_N]
        for store, page, query, key, value in self._ran:
            store.truncate(length_1)
            store.append(key[:, :, path_N], value[:, :, path_N], pos_BT)
            seen = Seen(page, query[:, :, path_N], pos_BT, "token")
            if watch is not None and watch.wants(page.layer):
                watch.see(seen, list(store.read(seen.q_BHTD, pos_BT)))
            store.observe(seen)
        return self._text_BT[:, path_N], pos_BT


def _slots(part: KV, own: slice) -> KV:
    k, v, pos = part.k_BGSD[:, :, own], part.v_BGSD[:, :, own], part.pos_BGS[:, :, own]
    return replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=0)
