"""Moments, memory and roll-back of eviction, whatever the score."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, NotRewindable
from longspan.kv.evict.expected_attention import ExpectedAttention
from longspan.kv.evict.h2o import H2O
from longspan.kv.evict.random import Random
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.kv.run import ROOM
from longspan.kv.score import SPARE
from longspan.kv.split.adakv import AdaKV
from longspan.kv.split.uniform import Uniform

SLOT = 2 * 8 * 4 + 8
"""Bytes of a token in a head of the tape: a key and a value of 8 float32, a position."""
SPLITS = [Uniform(), AdaKV(floor=0.0)]
LEARNING = [H2O(recent=4), ExpectedAttention(sinks=2)]
SCORES = [SnapKV(window=4), StreamingLLM(), Random(), *LEARNING]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("pads", [(0,), (0, 60), (0, 90)])
def test_bytes_are_those_of_the_kept_tokens(tape, kept_of, split, pads):
    text, policy = tape(100, pads=pads), Eviction(SnapKV(window=4), 30, split)
    store = policy.open(text.page.layer)
    text.prompt(store, 100, chunk=32)
    tokens = sum(len(kept) for kept in kept_of(store, len(pads), 2).values())
    runs = len(list(store.read(text.q_BHTD, text.pos_BT)))
    assert runs <= len(pads) * 2
    assert store.nbytes() == tokens * SLOT
    assert abs(tokens - sum(min(30, 100 - pad) for pad in pads) * 2) <= len(pads)


def test_even_heads_stay_one_part_and_uneven_ones_are_apart(tape, kept_of):
    text = tape(100)
    even, uneven = (Eviction(SnapKV(window=4), 30, split).open(text.page.layer) for split in SPLITS)
    for store in (even, uneven):
        text.prompt(store, 100, chunk=100)
    assert [len(part) for part in even.read(text.q_BHTD, text.pos_BT)] == [30]
    assert len({len(kept) for kept in kept_of(uneven, 1, 2).values()}) == 2


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("pads", [(0,), (0, 25), (0, 75)])
def test_what_follows_an_eviction_sees_the_kept_tokens_and_itself(tape, kept_of, split, pads):
    text, policy = tape(110, pads=pads), Eviction(SnapKV(window=4), 20, split, chunks=True)
    store = policy.open(text.page.layer)
    text.play(store, 0, 40, "chunk")
    text.play(store, 40, 80, "chunk")
    kept = kept_of(store, len(pads), 2)
    got = text.play(store, 80, 100, "prompt_end")
    torch.testing.assert_close(got, text.naive(kept, 80, 100), atol=1e-5, rtol=1e-4)
    for t in range(100, 110):
        kept = kept_of(store, len(pads), 2)
        got = text.play(store, t, t + 1, "token")
        torch.testing.assert_close(got, text.naive(kept, t, t + 1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("score", SCORES)
def test_evicting_after_chunks_bounds_memory_while_reading(tape, score):
    text, most = tape(900), {}
    for chunks in (False, True):
        store, sizes = Eviction(score, 30, chunks=chunks).open(text.page.layer), []
        for start in range(0, 900, 30):
            text.play(store, start, start + 30, "chunk")
            sizes.append(store.nbytes())
        most[chunks] = max(sizes)
    assert most[True] < 0.3 * most[False]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("every", [1, 4])
def test_evicting_while_decoding_bounds_memory(tape, kept_of, split, every):
    text = tape(300)
    store = Eviction(SnapKV(window=4), 20, split, every=every).open(text.page.layer)
    text.prompt(store, 50, chunk=50)
    for t in range(50, 300):
        text.play(store, t, t + 1, "token")
        kept = kept_of(store, 1, 2)
        assert sum(map(len, kept.values())) <= 2 * (20 + every - 1) + 1
        assert all(tokens[-4:] == list(range(t - 3, t + 1)) for tokens in kept.values())
    assert store.nbytes() < 2 * (20 + 2 * ROOM) * SLOT


def test_without_every_nothing_leaves_while_decoding(tape, kept_of):
    text = tape(80)
    store = Eviction(SnapKV(window=4), 20).open(text.page.layer)
    text.prompt(store, 50, chunk=50)
    for t in range(50, 80):
        text.play(store, t, t + 1, "token")
    assert all(len(kept) == 50 for kept in kept_of(store, 1, 2).values())


@pytest.mark.parametrize("every", [3, 5])
@pytest.mark.parametrize("score", SCORES)
def test_rolling_back_changes_neither_when_nor_what_is_evicted_later(tape, kept_of, score, every):
    text, kept = tape(60), []
    for detours in ([], [(31, 29)], [(30, 29), (32, 28)], [(32, 31), (35, 34)]):
        store = Eviction(score, 32, every=every).open(text.page.layer)
        text.prompt(store, 28, chunk=10)
        t = 28
        for reach, back in [*detours, (45, 45)]:
            for token in range(t, reach):
                text.play(store, token, token + 1, "token")
            store.truncate(torch.tensor([back]))
            t = back
        kept.append(kept_of(store, 1, 2))
    assert all(other == kept[0] for other in kept[1:])


@pytest.mark.parametrize(("length", "back"), [(30, 25), (31, 27), (5, 2)])
@pytest.mark.parametrize("score", [SnapKV(window=4), StreamingLLM(), Random()])
def test_rolling_back_into_the_prompt_equals_a_shorter_prompt(tape, kept_of, score, length, back):
    text, kept = tape(60), []
    for prompt in (length, back):
        store = Eviction(score, 32, every=5).open(text.page.layer)
        text.prompt(store, prompt, chunk=prompt)
        store.truncate(torch.tensor([back]))
        for token in range(back, 45):
            text.play(store, token, token + 1, "token")
        kept.append(kept_of(store, 1, 2))
    assert kept[0] == kept[1]


def test_rolling_back_past_the_remembered_queries_is_refused(tape):
    text = tape(100)
    store = Eviction(SnapKV(window=4), 95, every=3).open(text.page.layer)
    text.prompt(store, 80, chunk=10)
    store.truncate(torch.tensor([80 - SPARE]))
    with pytest.raises(NotRewindable, match="4 queries"):
        store.truncate(torch.tensor([79 - SPARE]))


@pytest.mark.parametrize("score", LEARNING)
def test_what_was_learned_from_is_not_rolled_back(tape, score):
    text = tape(300)
    store = Eviction(score, 295).open(text.page.layer)
    text.prompt(store, 40, chunk=10)
    with pytest.raises(NotRewindable, match=r"beyond \[39\].*read the text again"):
        store.truncate(torch.tensor([39]))
    for t in range(40, 300):
        text.play(store, t, t + 1, "token")
    store.truncate(torch.tensor([300 - SPARE]))
    with pytest.raises(NotRewindable, match="read the text again"):
        store.truncate(torch.tensor([300 - 2 * SPARE - 1]))


@pytest.mark.parametrize("score", LEARNING)
@pytest.mark.parametrize("back", [35, 170, 190])
def test_what_decoded_tokens_taught_can_be_rolled_back(tape, kept_of, score, back):
    text, kept = tape(260), []
    for further in (0, 9, SPARE):
        store = Eviction(score, 20).open(text.page.layer)
        text.prompt(store, 30, chunk=10)
        for t in range(30, back + further):
            text.play(store, t, t + 1, "token")
        store.truncate(torch.tensor([back]))
        text.play(store, back, back + 5, "prompt_end")
        kept.append(kept_of(store, 1, 2))
    assert kept[0] == kept[1] == kept[2]
    assert [len(tokens) for tokens in kept[0].values()] == [20, 20]


def test_only_the_last_decoded_queries_are_held(tape):
    text, stores = tape(600), []
    for score in (H2O(recent=4), Random()):
        stores.append(Eviction(score, 20).open(text.page.layer))
        text.prompt(stores[-1], 50, chunk=50)
    query, number = 4 * 8 * 4 + 8, 2 * 8
    for t in range(50, 600):
        for store in stores:
            text.play(store, t, t + 1, "token")
        assert stores[0].nbytes() - stores[1].nbytes() <= 2 * SPARE * query + (t + 1) * number


def test_a_row_that_waits_for_its_first_token_costs_nothing(tape, kept_of):
    text = tape(100, pads=(0, 95))
    store = Eviction(StreamingLLM(), 20, AdaKV(), chunks=True).open(text.page.layer)
    text.prompt(store, 100, chunk=40)
    kept = kept_of(store, 2, 2)
    assert kept[0, 0] == [*range(4), *range(84, 100)]
    assert kept[1, 0] == kept[1, 1] == list(range(5))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("score", SCORES)
def test_a_share_is_one_of_each_rows_own_text(tape, kept_of, score, split):
    pads, policy = (0, 60, 90), Eviction(score, 0.25, split)
    text = tape(100, pads=pads)
    store = policy.open(text.page.layer)
    text.prompt(store, 100, chunk=32)
    kept = kept_of(store, 3, 2)
    for row, pad in enumerate(pads):
        tokens = len(kept[row, 0]) + len(kept[row, 1])
        assert abs(tokens - 2 * max(policy.score.always + 1, round(0.25 * (100 - pad)))) <= 1


class Oldest:
    """Keeps the beginning."""

    window = always = 0

    def __call__(self, kv, look):
        return -kv.pos_BGS.float()


def test_a_share_grows_with_the_text(tape, kept_of):
    text = tape(120)
    store = Eviction(Oldest(), 0.5, chunks=True, every=10).open(text.page.layer)
    for start in range(0, 80, 20):
        text.play(store, start, start + 20, "chunk" if start < 60 else "prompt_end")
        assert len(kept_of(store, 1, 2)[0, 1]) == (start + 20) // 2
    for t in range(80, 120):
        text.play(store, t, t + 1, "token")
    assert len(kept_of(store, 1, 2)[0, 0]) == 60


def test_a_row_that_waits_keeps_its_share(tape, kept_of):
    text = tape(80)
    text.pos_BT = torch.stack([torch.arange(80), torch.arange(80)])
    text.pos_BT[1, 40:] = torch.cat([torch.full((20,), EMPTY), torch.arange(40, 60)])
    text.q_BHTD, text.k_BGTD, text.v_BGTD = (x.expand(2, -1, -1, -1) for x in (text.q_BHTD, text.k_BGTD, text.v_BGTD))
    store = Eviction(Oldest(), 0.5, chunks=True).open(text.page.layer)
    text.prompt(store, 40, 40)
    text.play(store, 40, 60, "chunk")
    assert kept_of(store, 2, 2)[1, 0] == list(range(20))
    text.play(store, 60, 80, "prompt_end")
    assert [len(kept) for kept in kept_of(store, 2, 2).values()] == [40, 40, 30, 30]


@pytest.mark.parametrize("budget", [100, 5000, 0.99])
def test_a_budget_above_the_length_changes_nothing(tape, kept_of, budget):
    text = tape(40, pads=(0, 30))
    store = Eviction(SnapKV(window=8), budget, chunks=True).open(text.page.layer)
    text.prompt(store, 40, chunk=16)
    assert [len(kept) for kept in kept_of(store, 2, 2).values()] == [40, 40, 10, 10]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Eviction(SnapKV(window=64), 64), "SnapKV always keeps 64; give more"),
        (lambda: Eviction(StreamingLLM(sinks=4), 4), "StreamingLLM always keeps 4"),
        (lambda: Eviction(StreamingLLM(sinks=0), 0), "budget of 0 tokens"),
        (lambda: Eviction(StreamingLLM(sinks=0), -5), "budget of -5 tokens"),
        (lambda: Eviction(StreamingLLM(), 0.0), "0.0 is no share of a text: give a number between 0 and 1"),
        (lambda: Eviction(StreamingLLM(), 1.0), "1.0 is no share"),
        (lambda: Eviction(StreamingLLM(), -0.5), "-0.5 is no share"),
        (lambda: Eviction(StreamingLLM(), every=-1), "every is -1"),
        (lambda: SnapKV(window=0), "window is 0"),
        (lambda: SnapKV(kernel=4), "kernel is 4 tokens; give an odd number"),
        (lambda: SnapKV(pool="median"), "give avg or max"),
        (lambda: StreamingLLM(sinks=-1), "sinks is -1"),
        (lambda: AdaKV(floor=1.5), "floor is 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_to_do(make, message):
    with pytest.raises(InputError, match=message):
        make()
