"""A2ATS quantises keys for the queries and reads the most promising tokens, as a loop written from the paper says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable
from longspan.kv.retrieve.a2ats import A2ATS
from longspan.kv.retrieve.clusters import clustered

SMALL = A2ATS(share=0.1, codebook=20, sinks=3, local=9, distance=40)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def raw(played):
    played.page = replace(played.page, layer=replace(played.page.layer, rotated=False))
    return played


def distant(played, policy):
    """Queries at the one distance, against keys as they are."""
    pos = torch.full((1, 1, played.q_BHTD.shape[2]), policy.distance)
    return rotate(played.q_BHTD, pos, played.page.layer.rotation)[0]


def second_moment(queries, own, length):
    total = sum(torch.outer(queries[h, t], queries[h, t]) for h in own for t in range(length))
    return total / total.square().mean().sqrt()


def group(played, g):
    shared = played.q_BHTD.shape[1] // played.k_BGTD.shape[1]
    return range(g * shared, g * shared + shared)


def promises(played, store, now, g, policy):
    """For each query head of a group, what every far token promises, codes found by comparing with every entry."""
    row, queries = store._rows[0], distant(played, policy)
    moment = second_moment(queries, group(played, g), row._floor)
    nearest = []
    for s in range(now + 1 - policy.local):
        offs = row._codebook.keys_GCD[g] - played.k_BGTD[0, g, s]
        nearest.append(
            row._codebook.keys_GCD[g, min(range(len(offs)), key=lambda c: float(offs[c] @ moment @ offs[c]))]
        )
    return [
        {s: float(queries[h, now] @ nearest[s]) for s in range(policy.sinks, len(nearest))} for h in group(played, g)
    ]


def read_by_head(store, played, now):
    cut = slice(now, now + 1)
    q, k, v = (x[:, :, cut] for x in (played.q_BHTD, played.k_BGTD, played.v_BGTD))
    store.append(k, v, played.pos_BT[:, cut])
    seen = {(0, g): [] for g in range(k.shape[1])}
    for part in store.read(q, played.pos_BT[:, cut]):
        for place, g in enumerate(range(*(part.heads or (0, k.shape[1])))):
            seen[0, g] += part.pos_BGS[0, place].tolist()
    store.truncate(torch.tensor([now]))
    return seen


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (4, 1)])
def test_the_loop_of_the_paper_reads_the_same_tokens(tape, heads, kv_heads):
    played = raw(tape(66, heads=heads, kv_heads=kv_heads, seed=1))
    store, rotation = SMALL.open(played.page.layer), played.page.layer.rotation
    played.prompt(store, 60, 17)
    q, k = (rotate(x, played.pos_BT[:, None], rotation) for x in (played.q_BHTD, played.k_BGTD))
    turned = replace(played, q_BHTD=q, k_BGTD=k)
    for now in range(60, 66):
        seen = read_by_head(store, played, now)
        for (_, g), read in seen.items():
            assert {*range(3), *range(now - 8, now + 1)} <= set(read)
            wanted, allowed = set(), set()
            for scores in promises(played, store, now, g, SMALL):
                last = sorted(scores.values(), reverse=True)[int(0.1 * (now + 1)) - 1]
                wanted |= {s for s, score in scores.items() if score > last + 1e-4}
                allowed |= {s for s, score in scores.items() if score > last - 1e-4}
            assert wanted <= set(read) - {*range(3), *range(now - 8, now + 1)} <= allowed
        got = played.play(store, now, now + 1, "token")
        kept = {at: [s for s in read if s != now] for at, read in seen.items()}
        torch.testing.assert_close(got, turned.naive(kept, now, now + 1), **CLOSE)


def test_entries_are_made_for_the_queries_that_come(tape):
    played = raw(tape(400, heads=2, kv_heads=2))
    played.q_BHTD *= torch.tensor([4.0, 1, 0.1, 0.1, 4, 1, 0.1, 0.1])
    store = replace(SMALL, distance=0).open(played.page.layer)
    played.prompt(store, 400, 100)
    row, keys = store._rows[0], played.k_BGTD[0]

    def error(entries, codes):
        off = entries.gather(1, codes.long()[..., None].expand(-1, -1, 8)) - keys
        return float((played.q_BHTD[0] @ off.mT).square().mean())

    plain, codes = clustered(keys, 20, rounds=300)
    assert error(row._codebook.keys_GCD, row._codes.read()) < 0.8 * error(plain, codes)


def test_as_many_entries_as_keys_make_the_choice_exact(tape):
    played = raw(tape(70, heads=2, kv_heads=2))
    store = replace(SMALL, codebook=60).open(played.page.layer)
    played.prompt(store, 60, 60)
    row = store._rows[0]
    found = row._codebook.keys_GCD.gather(1, row._codes.read().long()[..., None].expand(-1, -1, 8))
    torch.testing.assert_close(found, played.k_BGTD[0, :, :60], atol=1e-3, rtol=1e-3)


def test_heads_read_tokens_of_their_own_and_few(tape):
    played = raw(tape(301))
    store = SMALL.open(played.page.layer)
    played.prompt(store, 300, 100)
    seen = read_by_head(store, played, 300)
    for read in seen.values():
        assert read == sorted(set(read))
        assert {0, 1, 2, *range(292, 301)} <= set(read)
        assert 3 + 30 + 9 <= len(read) <= 3 + 2 * 30 + 9
    assert seen[0, 0] != seen[0, 1]


def test_codes_of_later_tokens_use_the_same_book_and_are_forgotten_with_them(tape):
    played = raw(tape(90))
    store = SMALL.open(played.page.layer)
    played.prompt(store, 60, 60)
    row = store._rows[0]
    played.play(store, 60, 80, "prompt_end")
    book = row._codebook
    assert torch.equal(row._codes.read(), book.codes(played.k_BGTD[0, :, :80]))
    store.truncate(torch.tensor([65]))
    played.play(store, 65, 66, "token")
    assert row._codes.read().shape == (2, 66)
    with pytest.raises(NotRewindable, match="first 60 tokens"):
        store.truncate(torch.tensor([59]))


@pytest.mark.parametrize("wrong", [{"share": 1.1}, {"codebook": 0}, {"local": 0}, {"sinks": -1}, {"distance": -1}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least|0 to 1"):
        A2ATS(**wrong)
