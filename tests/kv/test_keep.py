"""Tokens that eviction keeps live where `keep` says: rounded, at rest, or as they are."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.evict.keydiff import KeyDiff
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.merge.freqkv import FreqKV
from longspan.kv.offload.offload import Offload
from longspan.kv.quant.integer import Integer
from longspan.kv.quant.kivi import KIVI
from longspan.kv.quant.kvquant import KVQuant
from longspan.kv.retrieve.infllm import InfLLM
from longspan.kv.split.adakv import AdaKV
from longspan.kv.split.uniform import Uniform

EXACT = [Integer(8, 8, 1000), KIVI(4, 8, 1000), Offload("host", 8), Offload("disk", 8)]
ROUNDED = [Integer(8, 8, 0), Integer(4, 8, 0), KIVI(4, 8, 8), KIVI(2, 8, 8)]
SPLITS = [Uniform(), AdaKV(floor=0.0)]
PADS = [(0,), (0, 60), (0, 90)]


def positions(store, rows, heads):
    """What each (row, head) holds, in order of the text."""
    held = {(b, g): [] for b in range(rows) for g in range(heads)}
    for part in store.read(torch.empty(0), torch.empty(0)):
        for b, row in enumerate(range(*(part.rows or (0, rows)))):
            for g, head in enumerate(range(*(part.heads or (0, heads)))):
                held[row, head] += [pos for pos in part.pos_BGS[b, g].tolist() if pos >= 0]
    return {place: sorted(each) for place, each in held.items()}


def run(tape, keep, split, pads, **moments):
    """Attention of what follows a prompt of 100 tokens, and the store."""
    text = tape(140, pads=pads)
    store = Eviction(SnapKV(window=4), 40, split, keep, **moments).open(text.page.layer)
    text.prompt(store, 100, chunk=32)
    outs = [text.play(store, 100, 120, "prompt_end"), *(text.play(store, t, t + 1, "token") for t in range(120, 140))]
    return torch.cat(outs, 2), store


@pytest.mark.parametrize("pads", PADS)
@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
@pytest.mark.parametrize("keep", EXACT, ids=repr)
@pytest.mark.parametrize("moments", [{}, {"chunks": True}, {"every": 6}], ids=str)
def test_where_nothing_is_rounded_it_is_as_if_kept_plainly(tape, keep, split, pads, moments):
    plain, held = run(tape, Full(), split, pads, **moments)
    got, store = run(tape, keep, split, pads, **moments)
    torch.testing.assert_close(got, plain, atol=1e-5, rtol=1e-4)
    assert positions(store, len(pads), 2) == positions(held, len(pads), 2)


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
@pytest.mark.parametrize("keep", ROUNDED, ids=repr)
def test_what_is_kept_is_rounded_once_and_later_tokens_follow(tape, keep, split):
    text = tape(100, pads=(0, 30))
    stores = [Eviction(SnapKV(window=4), 40, split, where).open(text.page.layer) for where in (keep, Full())]
    for store in stores:
        text.prompt(store, 100, chunk=32)
    assert positions(stores[0], 2, 2) == positions(stores[1], 2, 2)
    assert stores[0].nbytes() < stores[1].nbytes() + 2 * 2 * 64 * 2 * 8 * 4
    coarse = 2 ** (8 - keep.bits)
    mine, plain = (gathered(store) for store in stores)
    assert set(mine) == set(plain)
    worst = max(float((mine[place] - plain[place]).abs().max()) for place in plain)
    assert 0 < worst < 0.02 * coarse


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: type(split).__name__)
def test_what_is_kept_is_rounded_and_rests_on_disk_and_the_latest_stay_exact(tape, split):
    text = tape(200, pads=(0, 30))
    stores = [
        Eviction(SnapKV(window=4), 80, split, keep).open(text.page.layer) for keep in (Offload("disk", 8, 8, 8), Full())
    ]
    for store in stores:
        text.prompt(store, 200, chunk=64)
    assert positions(stores[0], 2, 2) == positions(stores[1], 2, 2)
    mine, plain = (gathered(store) for store in stores)
    off = {place: float((mine[place] - plain[place]).abs().max()) for place in plain}
    assert 0 < max(off.values()) < 0.02
    assert all(off[place] == 0 for place in off if place[2] >= (200 if place[0] == 0 else 170) - 4)


def gathered(store):
    """Keys and values by row, head and position."""
    found = {}
    for part in store.read(torch.empty(0), torch.empty(0)):
        for b, row in enumerate(range(*(part.rows or (0, part.pos_BGS.shape[0])))):
            for g, head in enumerate(range(*(part.heads or (0, part.pos_BGS.shape[1])))):
                for s, pos in enumerate(part.pos_BGS[b, g].tolist()):
                    if pos >= 0:
                        found[row, head, pos] = torch.cat([part.k_BGSD[b, g, s], part.v_BGSD[b, g, s]])
    return found


def test_bytes_are_those_of_fewer_bits(tape):
    text, sizes = tape(3000), {}
    for name, keep in {"plain": Full(), "8": Integer(8, 8, 0), "4": Integer(4, 8, 0)}.items():
        store = Eviction(KeyDiff(), 2000, keep=keep).open(text.page.layer)
        text.prompt(store, 3000, chunk=3000)
        sizes[name] = store.nbytes()
    # a key and a value of 8 channels are 64 bytes of float32; rounded, with a step and a level for each, 24 and 16
    assert sizes["8"] < sizes["plain"] * 0.5
    assert sizes["4"] < sizes["8"] * 0.8


def test_blocks_at_rest_are_not_counted_on_the_device(tape):
    text = tape(1100)
    store, plain = (Eviction(KeyDiff(), 500, keep=keep).open(text.page.layer) for keep in (Offload("host", 50), Full()))
    for each in (store, plain):
        text.prompt(each, 1000, chunk=1000)
        text.play(each, 1000, 1001, "token")
    assert store.nbytes() < plain.nbytes() * 0.7


@pytest.mark.parametrize("keep", [KVQuant(), InfLLM(), FreqKV(), Eviction(KeyDiff())], ids=repr)
def test_what_does_not_hold_what_it_is_given_is_refused(keep):
    with pytest.raises(InputError, match="integer, kivi or offload"):
        Eviction(SnapKV(), 100, keep=keep)
