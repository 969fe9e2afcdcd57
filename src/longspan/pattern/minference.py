"""Each head follows the pattern that a search once found for it, filled in by the prompt's last queries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid
from longspan.pattern.heads import Heads
from longspan.pattern.recipe import Plan, load


@dataclass(frozen=True, slots=True)
class MInference:
    """MInference: each head reads the columns and diagonals, the tiles or the A-shape that a search gave it. https://arxiv.org/abs/2407.02490

    Differs from the paper: tiles with a chosen column or diagonal are read whole; where a prompt is read in chunks,
    each chunk's own last queries choose; queries that would read most of what lies before them read all of it.
    """

    vertical: int = 1000
    """Stored tokens that a head reads everywhere, where the recipe names none (vertical_size)."""
    slash: int = 6096
    """Distances at which a head reads everywhere, likewise (slash_size)."""
    recipe: str = ""
    """Path of a JSON file with a pattern for each head, as published or from a search; empty: none."""
    last: int = 64
    """Last queries that choose columns and distances (last_q)."""
    sinks: int = 30
    """Tokens at the start that always are among the columns."""
    near: int = 100
    """Nearest distances that are chosen first."""
    layer: int = 0
    """The first layer that skips anything; those before it read everything (starting_layer)."""
    tile: int = 64
    """Queries of a tile."""
    grain: int = 16
    """Stored tokens of a tile, the unit in which work is skipped."""
    looks = True

    def __post_init__(self) -> None:
        if min(self.vertical, self.slash, self.sinks, self.near, self.layer) < 0 or self.last < 1:
            raise InputError(
                f"MInference: vertical={self.vertical}, slash={self.slash}, sinks={self.sinks}, near={self.near} and "
                f"layer={self.layer} must be at least 0, last={self.last} at least 1"
            )
        if self.grain < 1 or self.tile < 1 or self.tile % self.grain:
            raise InputError(f"MInference: grain={self.grain} must be at least 1 and divide tile={self.tile}")
        if self.recipe:
            load(self.recipe)

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles that each head's plan chooses."""
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile, self.grain, q_BHTD.device)
        if layer.index < self.layer or not bool(grid.before_ts.any()):
            return None
        plans = self._plans(layer)
        heads = Heads(grid, q_BHTD, k_BGSD, last=self.last, sinks=self.sinks, near=self.near)
        keep_BHts = torch.zeros((), dtype=torch.bool, device=q_BHTD.device)
        for kind in dict.fromkeys(plan.kind for plan in plans):
            kept_BHts = heads.keep(kind, [plan.first for plan in plans], [plan.second for plan in plans])
            of_kind_H = torch.tensor([plan.kind == kind for plan in plans], device=q_BHTD.device)
            keep_BHts = torch.where(of_kind_H[:, None, None], kept_BHts, keep_BHts)
        return grid.worth(keep_BHts)

    def _plans(self, layer: Layer) -> list[Plan]:
        """The plans of the query heads at hand."""
        layers = load(self.recipe) if self.recipe else ()
        named = layers[layer.index] if layer.index < len(layers) else {}
        first = layer.kv_head * (layer.num_heads // layer.num_kv_heads)
        usual = Plan("vertical_and_slash", self.vertical, self.slash)
        return [named.get(head, usual) for head in range(first, first + layer.num_heads)]
