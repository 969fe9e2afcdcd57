"""SnapKV against the equations of the paper."""

from __future__ import annotations

import math

import pytest

from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction


def naive(text, row, head, length, budget, score):
    """The kept positions of a key/value head, by loops over queries and tokens."""
    pad = int((text.pos_BT[row] < 0).sum())
    q, k = text.q_BHTD[row, :, pad:length], text.k_BGTD[row, head, pad:length]
    length -= pad
    if length <= budget:
        return list(range(length))
    group, past, near = q.shape[0] // text.k_BGTD.shape[1], length - score.window, score.kernel // 2
    total = [0.0] * past
    for h in range(head * group, (head + 1) * group):
        votes = [0.0] * past
        for t in range(past, length):
            weights = [math.exp(float(q[h, t] @ k[s]) * text.page.scale) for s in range(t + 1)]
            for s in range(past):
                votes[s] += weights[s] / sum(weights)
        for s in range(past):
            neighbours = votes[max(0, s - near) : s + near + 1]
            pooled = max(neighbours) if score.pool == "max" else sum(neighbours) / score.kernel
            total[s] += pooled / group
    chosen = sorted(range(past), key=lambda s: -total[s])[: budget - score.window]
    return [*sorted(chosen), *range(past, length)]


@pytest.mark.parametrize("chunk", [63, 16, 7])
@pytest.mark.parametrize("score", [SnapKV(window=8), SnapKV(window=5, kernel=7, pool="max"), SnapKV(window=20)])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (4, 1), (2, 2)])
def test_it_keeps_what_the_equations_keep(tape, kept_of, chunk, score, heads, kv_heads):
    text = tape(63, pads=(0, 20, 45), heads=heads, kv_heads=kv_heads)
    store = Eviction(score, 24).open(text.page.layer)
    text.prompt(store, 63, chunk)
    kept = kept_of(store, 3, kv_heads)
    assert kept == {(b, g): naive(text, b, g, 63, 24, score) for b in range(3) for g in range(kv_heads)}
