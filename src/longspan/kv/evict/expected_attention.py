"""What queries yet to come are likely to attend to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Layer, Look, NotRewindable, Rotation
from longspan.kv.projected import projected
from longspan.kv.score import ALL, Judge
from longspan.kv.state import State

KEYS = 1024
"""Stored tokens whose logits are computed at a time."""


class _Expected(Judge):
    """Mean and covariance of a layer's queries as projected, and what they make of stored tokens."""

    def __init__(self, settings: ExpectedAttention, layer: Layer) -> None:
        self._settings = settings
        self._layer = layer
        self._length_B = torch.zeros(1, dtype=torch.long, device=layer.device)
        self._count_B = torch.zeros(1, device=layer.device)
        self._mean_BHD = torch.zeros(1, 1, 1, device=layer.device)
        self._spread_BHDD = torch.zeros(1, 1, 1, 1, device=layer.device)

    def learn(self, kv: KV, look: Look) -> None:
        """Merge the moments of some queries into those of all."""
        q_BHTD = projected(look.q_BHTD, look.q_BT[:, None], self._layer)
        seen_B1T1 = (look.q_BT >= self._settings.sinks)[:, None, :, None]
        count_B = seen_B1T1.sum((1, 2, 3)).float()
        mean_BHD = (q_BHTD * seen_B1T1).sum(2) / count_B.clamp_min(1)[:, None, None]
        centred_BHTD = (q_BHTD - mean_BHD[:, :, None]) * seen_B1T1
        total_B = (self._count_B + count_B).clamp_min(1)
        apart_BHD = mean_BHD - self._mean_BHD
        shift = (self._count_B * count_B / total_B)[:, None, None, None]
        between_BHDD = apart_BHD[..., None] * apart_BHD[..., None, :] * shift
        self._spread_BHDD = self._spread_BHDD + centred_BHTD.transpose(2, 3) @ centred_BHTD + between_BHDD
        self._mean_BHD = self._mean_BHD + apart_BHD * (count_B / total_B)[:, None, None]
        self._count_B = self._count_B + count_B
        self._length_B = self._length_B.maximum(look.q_BT.amax(1) + 1)

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score by the expected weight times the length of the value, the sinks above all."""
        sink_BGS = (kv.pos_BGS != EMPTY) & (kv.pos_BGS < self._settings.sinks)
        chosen_BGS = kv.pos_BGS >= self._settings.sinks
        cuts = [slice(start, start + KEYS) for start in range(0, len(kv), KEYS)]
        logits = [self._logits(kv.k_BGSD[:, :, cut], kv.pos_BGS[:, :, cut]) for cut in cuts]
        logits_BGNS = torch.cat(logits, -1).masked_fill(~chosen_BGS[:, :, None], float("-inf"))
        score_BGS = torch.softmax(logits_BGNS, -1).nan_to_num(0.0).mean(2)
        if self._settings.value_norm:
            score_BGS = (score_BGS + self._settings.epsilon) * kv.v_BGSD.float().norm(dim=-1)
        return score_BGS.masked_fill(sink_BGS, float("inf"))

    def truncate(self, length_B: Tensor) -> None:
        """Refuse: single queries are not kept."""
        raise NotRewindable(
            f"the mean of the queries reaches beyond {length_B.tolist()}, and later ones cannot be taken out of it: "
            "read the text again"
        )

    def nbytes(self) -> int:
        """Bytes held."""
        return self._mean_BHD.nbytes + self._spread_BHDD.nbytes

    def state(self) -> dict[str, Tensor]:
        """The moments, and of how many queries."""
        counts = {"length": self._length_B, "count": self._count_B}
        return {**counts, "mean": self._mean_BHD, "spread": self._spread_BHDD}

    def load(self, state: State) -> None:
        """Take them over."""
        self._length_B, self._count_B = state["length"], state["count"]
        self._mean_BHD, self._spread_BHDD = state["mean"], state["spread"]

    def _logits(self, k_BGSD: Tensor, pos_BGS: Tensor) -> Tensor:
        """The logarithm of the expected exponential of a query's logit, for each query head of a group."""
        k_BG1SD = self._turned(k_BGSD, pos_BGS)[:, :, None]
        group = (k_BGSD.shape[1], self._layer.num_heads // k_BGSD.shape[1], 1)
        mean_BGN1D = self._mean_BHD.reshape(-1, *group, k_BGSD.shape[3])
        logits_BGNS: Tensor = (mean_BGN1D * k_BG1SD).sum(-1) * self._layer.head_dim**-0.5
        if not self._settings.covariance:
            return logits_BGNS
        spread_BHDD = self._spread_BHDD / self._count_B.clamp_min(1)[:, None, None, None]
        spread_BGNDD = spread_BHDD.reshape(-1, *group[:2], *spread_BHDD.shape[2:])
        logits_BGNS += ((k_BG1SD @ spread_BGNDD) * k_BG1SD).sum(-1) / (2 * self._layer.head_dim)
        return logits_BGNS

    def _turned(self, k_BGSD: Tensor, pos_BGS: Tensor) -> Tensor:
        """Keys as the queries to come see them on average: the mean of many turns is one turn to their middle, and
        channel pairs get the shorter the further they turn on the way.
        """
        rotation, future = self._layer.rotation, self._settings.future
        middle_B = self._length_B + (future - 1) / 2
        pos = (0 if self._layer.rotated else pos_BGS) - middle_B[:, None, None].expand(pos_BGS.shape)
        heat = rotation.temperature if self._layer.rotated else rotation.temperature**2
        turned_BGSD = rotate(k_BGSD.float(), pos, replace(rotation, temperature=heat))
        return turned_BGSD * _shortening(rotation, future, k_BGSD.shape[-1]).to(turned_BGSD)


def _shortening(rotation: Rotation, turns: int, dim: int) -> Tensor:
    """How long the mean of a vector turned to so many neighbouring positions is, for every channel."""
    half_P = rotation.frequencies_P.double() / 2
    mean_P = torch.where(half_P == 0, 1.0, torch.sin(turns * half_P) / (turns * torch.sin(half_P)))
    pairs_D = torch.cat([mean_P, mean_P]) if rotation.layout == "half" else mean_P.repeat_interleave(2)
    return torch.cat([pairs_D, pairs_D.new_ones(dim - len(pairs_D))])


@dataclass(frozen=True, slots=True)
class ExpectedAttention:
    """Expected Attention: keep what queries yet to come, if like those so far, will attend to. https://arxiv.org/abs/2510.00636
    Differs from the paper: the queries of all turns and of decoded tokens count, up to the moment of the eviction;
    logits are taken to be scaled by the square root of the head width, and distances to be the model's own.
    """

    future: int = 512
    """Positions after the text over which queries are averaged (T)."""
    sinks: int = 4
    """Tokens at the beginning that are always kept, and whose queries do not count."""
    covariance: bool = True
    """Whether the queries' covariance counts, beside their mean."""
    value_norm: bool = True
    """Whether weights are multiplied by the length of the token's value."""
    epsilon: float = 0.0
    """Added to weights before that; the paper's experiments use 0.02."""

    window = ALL

    def __post_init__(self) -> None:
        if self.future < 1:
            raise InputError(f"future is {self.future} positions; give 1 or more")
        if self.sinks < 0:
            raise InputError(f"sinks is {self.sinks} tokens; give 0 or more")
        if self.epsilon < 0:
            raise InputError(f"epsilon is {self.epsilon}; give 0 or more")

    @property
    def always(self) -> int:
        """The sinks."""
        return self.sinks

    def judge(self, layer: Layer) -> _Expected:
        """Open empty moments."""
        return _Expected(self, layer)
