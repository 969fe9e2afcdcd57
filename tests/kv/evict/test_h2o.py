"""H2O against loops over queries and tokens."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.evict.h2o import H2O
from longspan.kv.eviction import Eviction

BUDGET, RECENT = 20, 6


def naive(text, row, head, prompt, end):
    """The kept positions of a key/value head: a token leaves for each that is decoded."""
    pad = int((text.pos_BT[row] < 0).sum())
    group = text.q_BHTD.shape[1] // text.k_BGTD.shape[1]
    q, k = text.q_BHTD[row, head * group : (head + 1) * group, pad:], text.k_BGTD[row, head, pad:]
    received, stored = {}, []
    for t in range(end - pad):
        stored.append(t)
        received[t] = 0.0
        for h in range(group):
            weights = torch.softmax(k[stored] @ q[h, t] * text.page.scale, 0)
            for s, weight in zip(stored, weights.tolist(), strict=True):
                received[s] += weight
        if t >= prompt - pad - 1 and len(stored) > BUDGET:
            heavy = sorted(stored[:-RECENT], key=lambda s: -received[s])[: BUDGET - RECENT]
            stored = [*sorted(heavy), *stored[-RECENT:]]
    return stored


@pytest.mark.parametrize("chunk", [40, 16, 7])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (4, 1), (2, 2)])
def test_it_keeps_what_all_queries_attended_to(tape, kept_of, chunk, heads, kv_heads):
    text = tape(63, pads=(0, 15, 30), heads=heads, kv_heads=kv_heads)
    store = Eviction(H2O(RECENT), BUDGET, every=1).open(text.page.layer)
    text.prompt(store, 40, chunk)
    want = {(b, g): naive(text, b, g, 40, 40) for b in range(3) for g in range(kv_heads)}
    assert kept_of(store, 3, kv_heads) == want
    for t in range(40, 63):
        text.play(store, t, t + 1, "token")
    assert kept_of(store, 3, kv_heads) == {at: naive(text, *at, 40, 63) for at in want}


def test_attention_of_earlier_turns_counts(tape, kept_of):
    text = tape(63)
    kept = []
    for turns in ([63], [20, 63]):
        store = Eviction(H2O(RECENT), 30).open(text.page.layer)
        for start, end in zip([0, *turns[:-1]], turns, strict=True):
            text.play(store, start, end, "prompt_end")
        kept.append(kept_of(store, 1, 2))
    assert kept[0] == kept[1]


def test_recent_tokens_below_none_are_refused():
    with pytest.raises(InputError, match="recent is -1"):
        H2O(recent=-1)
    with pytest.raises(InputError, match="H2O always keeps 512"):
        Eviction(H2O(), 512)
