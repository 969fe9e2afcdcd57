"""Choosing the next token: greedy or drawn, each row of a batch with randomness of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_SEEDS = 2**63
_RANGES = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, 2**31),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 100.0),
    "seed": (0, _SEEDS - 1),
}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; ValueError where a number is out of range."""

    temperature: float = 0.0
    """Divides the logits; 0 takes the likeliest token (greedy) and draws nothing."""
    top_p: float = 1.0
    """Keep the fewest likeliest tokens that together have this probability (nucleus, https://arxiv.org/abs/1904.09751)."""
    top_k: int = 0
    """Keep this many of the likeliest tokens; 0 keeps all (https://arxiv.org/abs/1805.04833)."""
    min_p: float = 0.0
    """Keep tokens of at least this share of the likeliest one's probability (https://arxiv.org/abs/2407.01082)."""
    repetition_penalty: float = 1.0
    """Makes tokens of the text so far less likely (theta in https://arxiv.org/abs/1909.05858); also when greedy."""
    seed: int = 0
    """Same seed, same draws."""

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}: give a number from {least} to {most}")
        if 0 < self.temperature < 0.001:
            raise ValueError(f"temperature is {self.temperature}: give 0 (greedy) or a number from 0.001 to 100.0")

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken and nothing is drawn."""
        return self.temperature == 0


def generators(sampling: Sampling, seeds: Sequence[int]) -> list[torch.Generator]:
    """Open one source of randomness per row, from the request's seed and the row's own."""
    return [torch.Generator().manual_seed((sampling.seed + seed) % _SEEDS) for seed in seeds]


def probabilities(logits_BV: Tensor, sampling: Sampling, *, seen: Sequence[Tensor]) -> Tensor:
    """Distribution [B, V] in float32 that `sample` draws from; `seen` holds each row's tokens so far, prompt included.

    Greedy is all probability on one token. In the order of transformers: penalty, temperature, top-k, top-p, min-p.
    """
    logits_BV = _penalised(logits_BV.float(), sampling.repetition_penalty, seen)
    if sampling.greedy:
        return torch.zeros_like(logits_BV).scatter(1, logits_BV.argmax(1, keepdim=True), 1.0)
    logits_BV = logits_BV / sampling.temperature
    if sampling.top_k:
        logits_BV = _top_k(logits_BV, sampling.top_k)
    if sampling.top_p < 1:
        logits_BV = _top_p(logits_BV, sampling.top_p)
    probs_BV = logits_BV.softmax(1)
    if sampling.min_p:
        probs_BV = probs_BV * (probs_BV >= sampling.min_p * probs_BV.amax(1, keepdim=True))
    return probs_BV / probs_BV.sum(1, keepdim=True)


def sample(
    logits_BV: Tensor, sampling: Sampling, *, seen: Sequence[Tensor], generators: Sequence[torch.Generator]
) -> Tensor:
    """Choose a token [B] for every row, on the logits' device; a row's draw depends on that row and generator alone."""
    if sampling.greedy:
        return _penalised(logits_BV, sampling.repetition_penalty, seen).argmax(1)
    return draw(probabilities(logits_BV, sampling, seen=seen), generators)


def draw(probs_BV: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Draw a token [B] from each row, which need not add up to 1; the same seed draws the same on every device."""
    total_BV = probs_BV.cpu().double().cumsum(1)
    draw_B = torch.cat([torch.rand(1, dtype=torch.float64, generator=generator) for generator in generators])
    token_B1 = torch.searchsorted(total_BV, draw_B[:, None] * total_BV[:, -1:], right=True)
    return token_B1[:, 0].to(probs_BV.device)


def _penalised(logits_BV: Tensor, penalty: float, seen: Sequence[Tensor]) -> Tensor:
    if penalty == 1:
        return logits_BV
    logits_BV = logits_BV.clone()
    for row_V, tokens in zip(logits_BV, seen, strict=True):
        picked = row_V[tokens]
        row_V[tokens] = torch.where(picked < 0, picked * penalty, picked / penalty)
    return logits_BV


def _top_k(logits_BV: Tensor, k: int) -> Tensor:
    least_B1 = logits_BV.topk(min(k, logits_BV.shape[1]), dim=1).values[:, -1:]
    return logits_BV.masked_fill(logits_BV < least_B1, -torch.inf)


def _top_p(logits_BV: Tensor, p: float) -> Tensor:
    """Drop the unlikeliest tokens that together have at most 1 - p; the likeliest always stays."""
    sorted_BV, index_BV = logits_BV.sort(dim=1)
    drop_BV = sorted_BV.softmax(1).cumsum(1) <= 1 - p
    drop_BV[:, -1] = False
    return logits_BV.masked_fill(drop_BV.scatter(1, index_BV, drop_BV), -torch.inf)
