"""Expected Attention against its formula, turn by turn."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Rotation
from longspan.kv.evict.expected_attention import ExpectedAttention
from longspan.kv.eviction import Eviction

FREQUENCIES = 10_000.0 ** (-torch.arange(0, 8, 2) / 8)


def matrix(pos, rotation, dim):
    """How vectors at a position are turned, as a matrix."""
    return rotate(torch.eye(dim)[None, None], torch.full((1, 1, dim), pos), rotation)[0, 0].T


def naive(text, row, head, length, budget, score):
    """The kept positions of a key/value head: the mean of the turns of single positions, one at a time."""
    layer, pad = text.page.layer, int((text.pos_BT[row] < 0).sum())
    if length - pad <= budget:
        return list(range(length - pad))
    dim, rotation, group = layer.head_dim, layer.rotation, layer.num_heads // layer.num_kv_heads
    k, v = text.k_BGTD[row, head, pad:length], text.v_BGTD[row, head, pad:length]
    length -= pad
    turns = [matrix(pos, rotation, dim) for pos in range(length, length + score.future)]
    turn = torch.stack(turns).mean(0)
    shares = []
    for h in range(head * group, (head + 1) * group):
        q = text.q_BHTD[row, h, pad : pad + length]
        raw = torch.stack([torch.linalg.solve(matrix(t, rotation, dim), q[t]) for t in range(score.sinks, length)])
        mean, centred = raw.mean(0), raw - raw.mean(0)
        covariance = turn @ (centred.T @ centred / len(raw)) @ turn.T
        logits = []
        for s in range(score.sinks, length):
            logit = (turn @ mean) @ k[s] / math.sqrt(dim)
            logits.append(logit + k[s] @ covariance @ k[s] / (2 * dim) * score.covariance)
        shares.append(torch.softmax(torch.stack(logits), 0))
    worth = torch.stack(shares).mean(0)
    if score.value_norm:
        worth = (worth + score.epsilon) * v[score.sinks :].norm(dim=-1)
    best = worth.argsort(descending=True)[: budget - score.sinks] + score.sinks
    return [*range(score.sinks), *sorted(best.tolist())]


def kept(text, kept_of, score, chunk, budget=24):
    store = Eviction(score, budget).open(text.page.layer)
    text.prompt(store, 63, chunk)
    return kept_of(store, *text.k_BGTD.shape[:2])


def wanted(text, score, budget=24):
    rows, heads = text.k_BGTD.shape[:2]
    return {(b, g): naive(text, b, g, 63, budget, score) for b in range(rows) for g in range(heads)}


@pytest.mark.parametrize("chunk", [63, 7])
@pytest.mark.parametrize(
    "score",
    [
        ExpectedAttention(future=20),
        ExpectedAttention(future=1, sinks=0),
        ExpectedAttention(future=20, covariance=False),
        ExpectedAttention(future=20, value_norm=False),
        ExpectedAttention(future=20, epsilon=0.02),
    ],
)
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (2, 2)])
def test_it_keeps_what_the_formula_keeps(tape, kept_of, score, chunk, heads, kv_heads):
    text = tape(63, pads=(0, 20, 45), heads=heads, kv_heads=kv_heads)
    assert kept(text, kept_of, score, chunk) == wanted(text, score)


@pytest.mark.parametrize(
    "rotation",
    [
        Rotation(FREQUENCIES, layout="interleaved"),
        Rotation(FREQUENCIES, temperature=1.3),
        Rotation(FREQUENCIES[:2]),
        Rotation(torch.tensor([1.0, 0.5, 0.1, 0.0])),
    ],
    ids=["interleaved", "tempered", "partial", "standing"],
)
def test_every_kind_of_rotation_is_undone(tape, kept_of, rotation):
    text, score = tape(63), ExpectedAttention(future=20)
    text.page = replace(text.page, layer=replace(text.page.layer, rotation=rotation))
    assert kept(text, kept_of, score, 16) == wanted(text, score)


def test_keys_stored_as_projected_are_judged_alike(tape, kept_of):
    text, score = tape(63), ExpectedAttention(future=20)
    text.page = replace(text.page, layer=replace(text.page.layer, rotation=Rotation(FREQUENCIES, temperature=1.3)))
    want = wanted(text, score)
    cold = Rotation(FREQUENCIES, temperature=1 / 1.3)
    text.q_BHTD, text.k_BGTD = (rotate(x, -text.pos_BT[:, None], cold) for x in (text.q_BHTD, text.k_BGTD))
    text.page = replace(text.page, layer=replace(text.page.layer, rotated=False))
    assert kept(text, kept_of, score, 16) == want


@pytest.mark.parametrize(
    ("settings", "message"), [({"future": 0}, "future is 0"), ({"sinks": -1}, "sinks"), ({"epsilon": -1.0}, "epsilon")]
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        ExpectedAttention(**settings)
