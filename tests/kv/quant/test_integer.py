"""Older tokens are rounded by themselves, the latest stay as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.attend import Seen
from longspan.core.errors import InputError
from longspan.kv.quant import column
from longspan.kv.quant.column import SPARE
from longspan.kv.quant.integer import Integer

CLOSE = {"atol": 1e-6, "rtol": 1e-5}


def rounded(x_GSD, bits, group):
    """Each token's groups of channels by themselves."""
    out = x_GSD.clone()
    for part in out.view(-1, group):
        low, high = float(part.min().half()), float(part.max().half())
        step = float(torch.tensor((high - low) / (2**bits - 1)).half())
        part.copy_(((part - low) / step).round().clamp(0, 2**bits - 1) * step + low)
    return out


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("group", [4, 8])
def test_all_but_the_latest_are_rounded(tape, stored, bits, group):
    text, policy = tape(100), Integer(bits, group, residual=20)
    store = policy.open(text.page.layer)
    text.prompt(store, 63, chunk=63)
    for t in range(63, 100):
        for got, x in zip(stored(store), (text.k_BGTD[0], text.v_BGTD[0]), strict=True):
            torch.testing.assert_close(got[:, : t - 20], rounded(x[:, : t - 20], bits, group), **CLOSE)
            assert torch.equal(got[:, t - 20 :], x[:, t - 20 : t])
        text.play(store, t, t + 1, "token")


def test_a_prompt_reads_itself_exactly_and_is_rounded_at_its_end(tape, stored):
    text = tape(100)
    store = Integer(4, 8, residual=0).open(text.page.layer)
    text.play(store, 0, 50, "chunk")
    assert torch.equal(stored(store)[0], text.k_BGTD[0, :, :50])
    text.play(store, 50, 100, "prompt_end")
    assert not torch.isclose(stored(store)[0], text.k_BGTD[0]).all()


def test_rounding_after_chunks_bounds_memory_while_reading(tape):
    text, most = tape(2000), {}
    for chunks in (False, True):
        store, sizes = Integer(4, 8, residual=16, chunks=chunks).open(text.page.layer), []
        for start in range(0, 2000, 40):
            text.play(store, start, start + 40, "chunk")
            sizes.append(store.nbytes())
        most[chunks] = max(sizes)
    assert most[True] < 0.4 * most[False]


@pytest.mark.parametrize("bits", [4, 8])
def test_bytes_at_500_tokens_are_the_bits_the_groups_and_the_exact_tokens(tape, bits):
    text = tape(500)
    store = Integer(bits, 8, residual=100).open(text.page.layer)
    text.prompt(store, 500, chunk=500)
    numbers = 2 * 2 * 8
    packed, exact, positions = 400 * (numbers * bits / 8 + numbers / 8 * 4), (100 + SPARE) * numbers * 4, 500 * 4
    assert store.nbytes() == packed + exact + positions


def test_a_decoded_text_takes_little_more_than_a_read_one(tape):
    text, sizes = tape(600), []
    for start in (500, 600):
        store = Integer(4, 8, residual=32).open(text.page.layer)
        text.prompt(store, start, chunk=start)
        for t in range(start, 600):
            text.play(store, t, t + 1, "token")
        sizes.append(store.nbytes())
    assert sizes[0] < 1.4 * sizes[1]


@pytest.mark.parametrize(("pads", "parts"), [((0,), [2, 4]), ((0, 40), [4, 7])])
def test_blocks_are_attended_to_as_one(tape, monkeypatch, pads, parts):
    text, policy, outs = tape(160, pads=pads), Integer(8, 8, residual=16), []
    for block, count in zip((2048, 48), parts, strict=True):
        monkeypatch.setattr(column, "BLOCK", block)
        store = policy.open(text.page.layer)
        text.prompt(store, 150, chunk=150)
        assert len(list(store.read(text.q_BHTD, text.pos_BT))) == count
        outs.append(torch.cat([text.play(store, t, t + 1, "token") for t in range(150, 160)], 2))
    torch.testing.assert_close(outs[0], outs[1], atol=1e-5, rtol=1e-4)


def test_eight_bits_attend_nearly_as_exact_ones_do(tape):
    text = tape(300)
    store = Integer(8, 8, residual=8).open(text.page.layer)
    text.prompt(store, 290, chunk=290)
    got = text.play(store, 290, 300, "token")
    want = text.naive({(0, g): list(range(290)) for g in range(2)}, 290, 300)
    assert 0 < float((got - want).abs().max()) < 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_what_it_is(tape, dtype):
    text = tape(100)
    store = Integer(8, 8, residual=10).open(replace(text.page.layer, dtype=dtype))
    k, v = text.k_BGTD.to(dtype), text.v_BGTD.to(dtype)
    store.append(k, v, text.pos_BT)
    store.observe(Seen(text.page, text.q_BHTD, text.pos_BT, "prompt_end"))
    parts = list(store.read(text.q_BHTD, text.pos_BT))
    assert {part.k_BGSD.dtype for part in parts} == {dtype}
    torch.testing.assert_close(torch.cat([part.v_BGSD for part in parts], 2), v, atol=0.03, rtol=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": 3}, "bits is 3; give 4 or 8"),
        ({"bits": 16}, "bits is 16; give 4 or 8"),
        ({"group": 0}, "group is 0 channels; give 1 or more"),
        ({"residual": -1}, "residual is -1 tokens; give 0 or more"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Integer(**wrong)


def test_a_group_that_does_not_divide_the_heads_is_refused_when_opened(tape):
    with pytest.raises(InputError, match="group is 64 channels, which does not divide this model's heads of 8"):
        Integer().open(tape(1).page.layer)
