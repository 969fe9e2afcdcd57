"""The tiles of a prompt's queries and of stored tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.types import Tiles

WORTH = 0.7
"""Share of a tile's row from which on all of it is read: a token costs a third more in short runs of tiles than in the
one long run of a head that reads everything, measured with 16,384 stored tokens of 64 channels on a CPU."""


@dataclass(frozen=True, slots=True)
class Grid:
    """T queries that are the last of S stored tokens, both in tiles counted from the first stored token."""

    T: int
    S: int
    queries: int
    """Queries of a tile."""
    size: int = 0
    """Stored tokens of a tile; 0: as many."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def step(self) -> int:
        """Stored tokens of a tile."""
        return self.size or self.queries

    @property
    def first(self) -> int:
        """The tile that the first query lies in."""
        return (self.S - self.T) // self.queries

    @property
    def begin_t1(self) -> Tensor:
        """The first token of each tile of queries."""
        return torch.arange(self.first * self.queries, self.S, self.queries, device=self.device)[:, None]

    @property
    def begin_s(self) -> Tensor:
        """The first token of each tile of stored tokens."""
        return torch.arange(0, self.S, self.step, device=self.device)

    @property
    def before_ts(self) -> Tensor:
        """Tiles with a token before all that are in the queries' own tile: those there is a choice about."""
        return self.begin_s < self.begin_t1

    @property
    def seen_ts(self) -> Tensor:
        """Tiles with a token that the last query of a tile may read."""
        return self.begin_s < self.begin_t1 + self.queries

    def near(self, sinks: int | Tensor, local: int | Tensor) -> Tensor:
        """Tiles [..., t, s] with one of the first `sinks` tokens, or of the last `local` of a tile's first query."""
        nearest_t1 = (self.begin_t1 - local + 1).clamp_min(0) // self.step
        return (self.begin_s < sinks) | (self.begin_s // self.step >= nearest_t1)

    def columns(self, chosen_BHS: Tensor) -> Tensor:
        """Tiles [B, H, t, s] with a chosen stored token."""
        padded = F.pad(chosen_BHS, (0, -self.S % self.step))
        return padded.reshape(*chosen_BHS.shape[:2], -1, self.step).any(-1)[:, :, None] & self.seen_ts

    def diagonals(self, chosen_BHS: Tensor) -> Tensor:
        """Tiles [B, H, t, s] with a stored token at a chosen distance, of S, from one of their queries."""
        until_BHS = F.pad(chosen_BHS.cumsum(-1, dtype=torch.int32), (1, 0))
        ahead_ts = self.begin_t1 - self.begin_s
        least = (ahead_ts - self.step + 1).clamp(0, self.S)
        most = (ahead_ts + self.queries).clamp(0, self.S)
        return until_BHS[..., most] > until_BHS[..., least]

    def rows(self, q_BHTD: Tensor) -> Tensor:
        """Queries by tiles [B, H, t, queries, D], zeros where there is none."""
        front = self.S - self.T - self.first * self.queries
        padded = F.pad(q_BHTD, (0, 0, front, -self.S % self.queries))
        return padded.reshape(*q_BHTD.shape[:2], -1, self.queries, q_BHTD.shape[3])

    def mean_queries(self, q_BHTD: Tensor) -> Tensor:
        """The mean query of each tile, [B, H, t, D]."""
        present_T1 = torch.ones(1, 1, self.T, 1, device=q_BHTD.device)
        return (self.rows(q_BHTD).sum(3, dtype=torch.float32) / self.rows(present_T1).sum(3)).to(q_BHTD.dtype)

    def mean_keys(self, k_BGSD: Tensor) -> Tensor:
        """The mean key of each tile, [B, G, s, D]."""
        tokens_s1 = (self.S - self.begin_s).clamp_max(self.step)[:, None].to(k_BGSD.device)
        padded = F.pad(k_BGSD, (0, 0, 0, -self.S % self.step))
        tiles = padded.reshape(*k_BGSD.shape[:2], -1, self.step, k_BGSD.shape[3])
        return (tiles.sum(3, dtype=torch.float32) / tokens_s1).to(k_BGSD.dtype)

    def tiles(self, keep_BHts: Tensor) -> Tiles | None:
        """The choice as it is; None where it is everything."""
        everything = bool((keep_BHts | ~self.before_ts).all())
        return None if everything else Tiles(keep_BHts, self.step, self.queries)

    def worth(self, keep_BHts: Tensor) -> Tiles | None:
        """The choice, but everything for queries that would read most of it; None where that is all of them."""
        least_t = WORTH * self.before_ts.sum(-1)
        dense_BHt = (keep_BHts & self.before_ts).sum(-1) >= least_t
        return self.tiles(keep_BHts | dense_BHt[..., None])
