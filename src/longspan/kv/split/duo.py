"""Heads that keep everything beside heads that keep little."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer


@cache
def gates(path: str, depth: int, num_kv_heads: int) -> Tensor:
    """Read a gate [depth, G] for each key/value head: lines of layers, columns of heads, tabs between them."""
    try:
        rows = [[float(gate) for gate in line.split()] for line in Path(path).read_text("ascii").splitlines() if line]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a table of gates, one line of numbers for each layer: {error}") from None
    if len(rows) != depth or any(len(row) != num_kv_heads for row in rows):
        raise InputError(
            f"{path} has gates for {len(rows)} layers of {sorted({len(row) for row in rows})} heads, the model has "
            f"{depth} layers of {num_kv_heads} key/value heads: give the file that was found for it"
        )
    return torch.tensor(rows).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Duo:
    """DuoAttention: heads that retrieve keep every token, the others what the budget leaves them. https://arxiv.org/abs/2410.10819
    Differs from the paper: the heads that stream may keep tokens by any score; the published method is
    kv=streaming_llm:sinks=128,budget=384,split=duo with chunks=true and every=1. Heads are told apart by a file;
    nothing here finds them.
    """

    heads: str
    """File of gates as published: a line for each layer, a number from 0 to 1 for each key/value head, tabs between."""
    sparsity: float = 0.5
    """Share of all heads that stream: those of the lowest gates."""

    def __post_init__(self) -> None:
        if not Path(self.heads).is_file():
            raise InputError(f"heads: there is no file {self.heads}; give a table of gates (full_attention_heads.tsv)")
        if not 0 <= self.sparsity <= 1:
            raise InputError(f"sparsity is {self.sparsity}; it is a share of the heads: give 0 to 1")

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Return the budget for heads that stream, and all that is stored for the others."""
        gate_LG = gates(self.heads, layer.depth, score_BGS.shape[1])
        order = gate_LG.flatten().argsort(stable=True)[: round(self.sparsity * gate_LG.numel())]
        streams_LG = torch.zeros(gate_LG.numel(), dtype=torch.bool).index_fill(0, order, True).view_as(gate_LG)
        stored_BG = (score_BGS > -float("inf")).sum(-1)
        return torch.where(streams_LG[layer.index].to(stored_BG.device), budget, stored_BG)
