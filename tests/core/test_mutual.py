"""Attention without an order against a loop over pairs of tokens."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.mutual import mutual
from longspan.core.types import EMPTY, Rotation
from longspan.position.lm_infinite import LMInfinite
from longspan.position.plain import Plain
from longspan.position.self_extend import SelfExtend

FREQUENCIES = torch.tensor([1.0, 0.1, 0.01, 0.001])


def drawn(heads: int, tokens: int, seed: int) -> torch.Tensor:
    return torch.randn(2, heads, tokens, 8, generator=torch.Generator().manual_seed(seed))


def turned(x_D: torch.Tensor, angle: int) -> torch.Tensor:
    pairs = torch.complex(x_D[:4], x_D[4:]) * torch.exp(1j * angle * FREQUENCIES)
    return torch.cat([pairs.real, pairs.imag])


def plain(later: int, earlier: int) -> int:
    return later - earlier


def self_extend(later: int, earlier: int) -> int:
    if later - earlier < 10:
        return later - earlier
    return later // 3 + 10 - 10 // 3 - earlier // 3


def lm_infinite(later: int, earlier: int) -> int | None:
    if later - earlier >= 20 and earlier >= 4:
        return None
    return min(later - earlier, 25)


@pytest.mark.parametrize(
    ("positions", "distance"),
    [
        (Plain(), plain),
        (SelfExtend(group=3, window=10), self_extend),
        (LMInfinite(local=20, limit=25, sinks=4), lm_infinite),
    ],
)
@pytest.mark.parametrize("kv_heads", [4, 2, 1])
def test_each_pair_meets_at_its_distance_in_its_direction(positions, distance, kv_heads):
    q, k, v = drawn(4, 63, 0), drawn(kv_heads, 63, 1), drawn(kv_heads, 63, 2)
    pos = torch.arange(63).expand(2, -1).clone()
    pos[1, 50:] = EMPTY
    found = mutual(q, k, v, pos, rotation=Rotation(FREQUENCIES, 1.1), positions=positions, scale=0.3)
    for row, head, i in [(0, 0, 0), (0, 1, 31), (0, 2, 62), (1, 3, 20), (1, 0, 49)]:
        group, logits, values = head * kv_heads // 4, [], []
        for j in range(63 if row == 0 else 50):
            away = distance(max(i, j), min(i, j))
            if away is not None:
                key = turned(k[row, group, j], -away if i >= j else away)
                logits.append(float(q[row, head, i] @ key) * 1.1**2 * 0.3)
                values.append(v[row, group, j])
        weights = [math.exp(logit) for logit in logits]
        expected = sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)
        assert found[row, head, i] == pytest.approx(expected.numpy(), abs=1e-5)


def test_padding_gets_zeros():
    pos = torch.arange(63).expand(2, -1).clone()
    pos[1, 50:] = EMPTY
    out = mutual(
        *(drawn(2, 63, seed) for seed in range(3)), pos, rotation=Rotation(FREQUENCIES), positions=Plain(), scale=1.0
    )
    assert not out[1, :, 50:].any()
    assert torch.isfinite(out).all()
