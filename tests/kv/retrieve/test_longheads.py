"""LongHeads makes and chooses chunks as a loop written from the paper and its code says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable
from longspan.kv.retrieve.longheads import LongHeads
from longspan.position.cache_relative import CacheRelative

SMALL = LongHeads(window=24, chunk=6)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def raw(played):
    layer = replace(played.page.layer, rotated=False)
    played.page = replace(played.page, layer=layer, positions=CacheRelative())
    return played


def turned(x_TD, start, rotation):
    pos = torch.arange(start, start + len(x_TD))[None, None]
    return rotate(x_TD[None, None], pos, rotation)[0, 0]


def feature(played, head, number, size):
    """A chunk's vector for a query head: attention inside it, its mean, and what that attends to."""
    group = head * played.k_BGTD.shape[1] // played.q_BHTD.shape[1]
    own = slice(number * size, number * size + size)
    rotation, scale = played.page.layer.rotation, played.page.scale
    q, k = turned(played.q_BHTD[0, head, own], 0, rotation), turned(played.k_BGTD[0, group, own], 0, rotation)
    outs = [torch.softmax(k @ q[t] * scale, 0) @ played.v_BGTD[0, group, own] for t in range(size)]
    mean = torch.stack(outs).mean(0)
    return torch.softmax(k @ mean * scale, 0) @ k


def naive(played, start, end, policy):
    """Outputs of a call's queries: chosen chunks, whatever is in no chunk, and consecutive positions."""
    heads, groups = played.q_BHTD.shape[1], played.k_BGTD.shape[1]
    size, shared, stored, rotation = policy.chunk, heads // groups, start // policy.chunk, played.page.layer.rotation
    out, chosen = torch.zeros(1, heads, end - start, played.q_BHTD.shape[3]), []
    room = max(2, (policy.window - (end - stored * size)) // size)
    for head in range(heads):
        group = head // shared
        fits = [0.0] * stored
        for other in range(group * shared, group * shared + shared):
            mean = played.q_BHTD[0, other, start:end].mean(0)
            fits = [fit + float(mean @ feature(played, other, n, size)) for n, fit in enumerate(fits)]
        middle = sorted(range(1, max(1, stored - 1)), key=lambda n: -fits[n])[: room - 2]
        numbers = sorted({0, stored - 1, *middle}) if stored > room else range(stored)
        seen = [token for n in numbers for token in range(n * size, n * size + size)] + list(range(stored * size, end))
        chosen.append(list(numbers))
        keys, values = played.k_BGTD[0, group, seen], played.v_BGTD[0, group, seen]
        keys = turned(keys, 0, rotation)
        for t in range(start, end):
            place = seen.index(t)
            q = turned(played.q_BHTD[0, head, t : t + 1], place, rotation)[0]
            weights = torch.softmax(keys[: place + 1] @ q * played.page.scale, 0)
            out[0, head, t - start] = weights @ values[: place + 1]
    return out, chosen


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (2, 1)])
@pytest.mark.parametrize("chunk", [5, 12])
def test_the_loop_of_the_paper_chooses_the_same_chunks_and_places(tape, heads, kv_heads, chunk):
    played = raw(tape(72, heads=heads, kv_heads=kv_heads))
    store, differ = SMALL.open(played.page.layer), 0
    for start in [*range(0, 60, chunk), *range(60, 72)]:
        end, moment = (min(start + chunk, 60), "chunk") if start < 60 else (start + 1, "token")
        want, chosen = naive(played, start, end, SMALL)
        torch.testing.assert_close(played.play(store, start, end, moment), want, **CLOSE)
        differ += chosen[0] != chosen[-1]
    assert differ > 0 or kv_heads == 1


def test_the_first_and_the_last_chunk_are_always_read_and_never_more_than_the_window(tape):
    played = raw(tape(150))
    store = SMALL.open(played.page.layer)
    for start in range(150):
        q, k, v = (x[:, :, start : start + 1] for x in (played.q_BHTD, played.k_BGTD, played.v_BGTD))
        pos = played.pos_BT[:, start : start + 1]
        store.append(k, v, pos)
        parts = list(store.read(q, pos))
        store.truncate(torch.tensor([start]))
        played.play(store, start, start + 1, "token")
        seen = [[token for part in parts for token in part.pos_BGS[0, group].tolist()] for group in range(2)]
        for head in seen:
            assert head == sorted(set(head))
            assert len(head) <= SMALL.window
            assert {0, start} <= set(head)
            assert set(range(max(0, start // 6 * 6 - 6), start + 1)) <= set(head)


def test_it_goes_back_within_two_chunks_or_to_whole_ones(tape):
    played = raw(tape(60))
    store = SMALL.open(played.page.layer)
    played.prompt(store, 50, 7)
    with pytest.raises(NotRewindable, match="whole chunks of 6"):
        store.truncate(torch.tensor([40]))
    for back in (43, 36):
        store.truncate(torch.tensor([back]))
        fresh = SMALL.open(played.page.layer)
        played.prompt(fresh, back, 7)
        for start in range(back, 60):
            got, want = (played.play(either, start, start + 1, "token") for either in (store, fresh))
            torch.testing.assert_close(got, want, **CLOSE)


@pytest.mark.parametrize("wrong", [{"chunk": 0}, {"window": 767}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least"):
        LongHeads(**wrong)
