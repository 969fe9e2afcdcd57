"""Which pattern recovers most of a head's attention at equal cost: the off-line search of MInference.

Use it as the pattern of a session that reads one text in one chunk, then save the recipe.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer
from longspan.pattern.estimate import weights
from longspan.pattern.grid import Grid
from longspan.pattern.heads import Heads
from longspan.pattern.recipe import Kind, Plan, save

CANDIDATES: tuple[tuple[Kind, int, int], ...] = (
    ("stream_llm", 100, 800),
    ("vertical_and_slash", 30, 800),
    ("vertical_and_slash", 100, 750),
    ("vertical_and_slash", 500, 700),
    ("vertical_and_slash", 3500, 100),
    ("block_sparse", 1, 0),
)
"""Kinds, and how two numbers share a budget: the directions of the published search."""


class Search:
    """Reads everything, and finds for each head the candidate that covers most attention at equal cost.

    The cost is that of an A-shape in tiles; every candidate's numbers grow until it costs as much.
    """

    looks = True

    def __init__(self, *, sinks: int = 1024, local: int = 4096, tile: int = 64, grain: int = 16) -> None:
        self._target = sinks, local
        self._tile = tile, grain
        self._layers: dict[int, list[Plan]] = {}

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> None:
        """Search this layer's heads; InputError for more than one row or a part of a prompt."""
        T, S = q_BHTD.shape[2], k_BGSD.shape[2]
        if q_BHTD.shape[0] > 1 or T < S:
            raise InputError(f"a search reads one row in one chunk, not {q_BHTD.shape[0]} rows, or {T} of {S} tokens")
        grid = Grid(T, S, *self._tile, q_BHTD.device)
        self._layers[layer.index] = search(grid, q_BHTD, k_BGSD, self._target)

    def recipe(self) -> list[list[Plan]]:
        """Each layer's plans, head by head; empty for a layer that a session never showed (one with its own window)."""
        return [self._layers.get(index, []) for index in range(max(self._layers, default=-1) + 1)]

    def save(self, path: str) -> None:
        """Write what `MInference(recipe=path)` reads."""
        save(path, self.recipe())


def search(grid: Grid, q_BHTD: Tensor, k_BGSD: Tensor, target: tuple[int, int]) -> list[Plan]:
    """The best plan of each head of one row at the cost of an A-shape of (sinks, local) tokens."""
    heads, mass_Hts = Heads(grid, q_BHTD, k_BGSD), _mass(grid, q_BHTD, k_BGSD)
    cost = int((grid.near(*target) & grid.before_ts).sum())
    found = [_fitted(heads, mass_Hts, candidate, cost) for candidate in CANDIDATES]
    return [max(plans, key=lambda plan: plan.score) for plans in zip(*found, strict=True)]


def _fitted(heads: Heads, mass_Hts: Tensor, candidate: tuple[Kind, int, int], cost: int) -> list[Plan]:
    """The largest numbers of a candidate that cost no more, for each head, and the attention they cover."""
    kind, *shares = candidate
    before_ts = heads.grid.before_ts
    low, high = [1] * len(mass_Hts), [2 * heads.grid.S + 1] * len(mass_Hts)
    while any(most - least > 1 for least, most in zip(low, high, strict=True)):
        middle = [(least + most) // 2 for least, most in zip(low, high, strict=True)]
        kept_Hts = heads.keep(kind, *_split(middle, shares)).expand(1, *mass_Hts.shape)[0] & before_ts
        fits = (kept_Hts.sum((-2, -1)) <= cost).tolist()
        low = [new if fit else old for new, old, fit in zip(middle, low, fits, strict=True)]
        high = [old if fit else new for new, old, fit in zip(middle, high, fits, strict=True)]
    first, second = _split(low, shares)
    read_Hts = heads.keep(kind, first, second).expand(1, *mass_Hts.shape)[0] | ~before_ts
    covered = (mass_Hts * read_Hts).sum((-2, -1)) / heads.grid.T
    return [Plan(kind, *numbers) for numbers in zip(first, second, covered.tolist(), strict=True)]


def _split(budgets: Sequence[int], shares: Sequence[int]) -> tuple[list[int], list[int]]:
    first = [-(-budget * shares[0] // sum(shares)) for budget in budgets]
    return first, [budget - part for budget, part in zip(budgets, first, strict=True)]


def _mass(grid: Grid, q_BHTD: Tensor, k_BGSD: Tensor) -> Tensor:
    """Attention [H, t, s] between tiles of the only row, a tile of queries at a time."""
    rows = []
    for begin in range(0, grid.S, grid.queries):
        end = min(begin + grid.queries, grid.S)
        mass_HS = weights(q_BHTD[:, :, begin:end], k_BGSD[:, :, :end])[0].sum(1)
        whole = F.pad(mass_HS, (0, len(grid.begin_s) * grid.step - end))
        rows.append(whole.reshape(len(mass_HS), -1, grid.step).sum(-1))
    return torch.stack(rows, 1)
