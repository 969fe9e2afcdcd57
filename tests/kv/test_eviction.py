"""Moments, memory and roll-back of eviction, whatever the score."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import SPARE, Eviction
from longspan.kv.run import ROOM
from longspan.kv.split.adakv import AdaKV
from longspan.kv.split.uniform import Uniform

SLOT = 2 * 8 * 4 + 8
"""Bytes of a token in a head of the tape: a key and a value of 8 float32, a position."""
SPLITS = [Uniform(), AdaKV(floor=0.0)]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("pads", [(0,), (0, 60), (0, 90)])
def test_bytes_are_those_of_the_kept_tokens(tape, kept_of, split, pads):
    text, policy = tape(100, pads=pads), Eviction(SnapKV(window=4), 30, split)
    store = policy.open(text.page.layer)
    text.prompt(store, 100, chunk=32)
    tokens = sum(len(kept) for kept in kept_of(store, len(pads), 2).values())
    runs = len(list(store.read(text.q_BHTD, text.pos_BT)))
    assert runs <= len(pads) * 2
    assert tokens * SLOT < store.nbytes() <= (tokens + len(pads) * 2 * ROOM) * SLOT
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


@pytest.mark.parametrize("score", [SnapKV(window=4), StreamingLLM()])
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
@pytest.mark.parametrize("score", [SnapKV(window=4), StreamingLLM()])
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
@pytest.mark.parametrize("score", [SnapKV(window=4), StreamingLLM()])
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


def test_a_row_that_waits_for_its_first_token_costs_nothing(tape, kept_of):
    text = tape(100, pads=(0, 95))
    store = Eviction(StreamingLLM(), 20, AdaKV(), chunks=True).open(text.page.layer)
    text.prompt(store, 100, chunk=40)
    kept = kept_of(store, 2, 2)
    assert kept[0, 0] == [*range(4), *range(84, 100)]
    assert kept[1, 0] == kept[1, 1] == list(range(5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Eviction(SnapKV(window=64), 64), "SnapKV always keeps 64; give more"),
        (lambda: Eviction(StreamingLLM(sinks=4), 4), "StreamingLLM always keeps 4"),
        (lambda: Eviction(StreamingLLM(sinks=0), 0), "budget of 0 tokens"),
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
