"""What ways of retrieving have in common: queries by group, tensors that grow, tokens picked from a buffer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from longspan.core.rotate import rotate
from longspan.core.types import KV, Layer
from longspan.kv.buffer import Buffer, grown


class Grown:
    """A tensor that grows along its second axis: no copy per entry."""

    def __init__(self) -> None:
        self.length = 0
        self._data = torch.empty(0, 0)

    def write(self, start: int, x_GN: Tensor) -> None:
        """Put entries [G, N, ...] at `start`, forgetting what lay there and behind."""
        self.length = start + x_GN.shape[1]
        if self.length > self._data.shape[1]:
            data = x_GN.new_empty(x_GN.shape[0], grown(self._data.shape[1], self.length, 64), *x_GN.shape[2:])
            if start:
                data[:, :start] = self._data[:, :start]
            self._data = data
        self._data[:, start : self.length] = x_GN

    def read(self) -> Tensor:
        """All entries."""
        return self._data[:, : self.length]

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._data.nbytes


def attended(x_1GTD: Tensor, pos_1T: Tensor, layer: Layer) -> Tensor:
    """Queries or keys as attention at their true distances sees them, where they are held as projected."""
    return x_1GTD if layer.rotated else rotate(x_1GTD, pos_1T[:, None], layer.rotation)


def grouped(x_1HTD: Tensor, kv_heads: int) -> Tensor:
    """Float32 queries [G, H/G, T, D] by the key/value head they share."""
    return x_1HTD[0].float().reshape(kv_heads, -1, *x_1HTD.shape[2:])


def taken(buffer: Buffer, index_GN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values [1, G, N, D] and positions [1, G, N] of each head's own slots."""
    k_1GSD, v_1GSD, pos_1S = buffer.slots(0, buffer.length)
    return _picked(k_1GSD, index_GN), _picked(v_1GSD, index_GN), pos_1S[:, index_GN]


def _picked(x_1GSD: Tensor, index_GN: Tensor) -> Tensor:
    """Head by head, which copies whole vectors; one index over both axes takes six times as long on a CPU."""
    picked_GND = x_1GSD.new_empty(*index_GN.shape, x_1GSD.shape[3])
    for x_SD, index_N, picked_ND in zip(x_1GSD[0], index_GN, picked_GND, strict=True):
        torch.index_select(x_SD, 0, index_N, out=picked_ND)
    return picked_GND[None]


def marked(buffer: Buffer, keep_GS: Tensor) -> Iterable[KV]:
    """The marked ones of the first slots: one part where all heads have as many, else one per head that has any."""
    counts = keep_GS.sum(1).tolist()
    slots = torch.split(keep_GS.nonzero()[:, 1], counts)
    if len(set(counts)) == 1:
        return [KV(*taken(buffer, torch.stack(slots)))] if counts[0] else []
    k, v, pos = buffer.slots(0, buffer.length)
    each = ((g, g + 1, slots[g]) for g, count in enumerate(counts) if count)
    return [KV(k[:, g:end, own], v[:, g:end, own], pos[:, None, own], heads=(g, end)) for g, end, own in each]
