"""FreqKV keeps low frequencies, as cosine sums written from the definition say."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from longspan.core.attend import Page
from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable
from longspan.kv.merge.freqkv import FreqKV, low_pass
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.cache_relative import CacheRelative

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
SMALL = FreqKV(window=24, sinks=4)


def cosine(frequency, token, count):
    """The orthonormal discrete cosine basis (II)."""
    height = math.sqrt((1 if frequency == 0 else 2) / count)
    return height * math.cos(math.pi * frequency * (2 * token + 1) / (2 * count))


def naive_low_pass(x_SW, count):
    basis, short = (
        torch.tensor([[cosine(f, t, size) for t in range(size)] for f in range(count)]) for size in (len(x_SW), count)
    )
    return short.T @ (basis @ x_SW) * math.sqrt(count / len(x_SW))


class Naive:
    """One head, token by token: squeeze whenever the window is full."""

    def __init__(self, policy):
        self.policy, self.rows, self.pos = policy, [], []

    def token(self, row, pos):
        self.rows.append(row)
        self.pos.append(pos)
        sinks, count = self.policy.sinks, self.policy.squeezed
        if len(self.rows) == self.policy.window:
            body = naive_low_pass(torch.stack(self.rows[sinks:]), count)
            share = (self.policy.window - sinks) / count
            last = [self.pos[sinks:][math.floor((slot + 1) * share) - 1] for slot in range(count)]
            self.rows = self.rows[:sinks] + list(body)
            self.pos = self.pos[:sinks] + last


@pytest.mark.parametrize(("size", "count"), [(20, 10), (21, 10), (21, 7), (8, 1), (1, 1), (12, 11)])
def test_squeezing_is_what_the_cosine_sums_say(size, count):
    x = torch.randn(size, 6, generator=torch.Generator().manual_seed(0))
    got = low_pass(x.view(1, 1, size, 6), count)
    torch.testing.assert_close(got[0, 0], naive_low_pass(x, count), **CLOSE)


@pytest.mark.parametrize("size", [1, 2, 20, 33])
def test_keeping_every_frequency_changes_nothing(size):
    x = torch.randn(2, 3, size, 4)
    torch.testing.assert_close(low_pass(x, size), x, **CLOSE)


def test_what_does_not_change_from_token_to_token_is_kept():
    x = torch.randn(2, 3, 1, 4).expand(-1, -1, 20, -1)
    torch.testing.assert_close(low_pass(x, 7), x[:, :, :7], **CLOSE)


def test_a_slow_wave_is_kept_and_a_fast_one_is_gone():
    slow, fast = (torch.tensor([cosine(f, t, 64) for t in range(64)]).view(1, 1, 64, 1) for f in (3, 40))
    kept = low_pass(slow, 32)
    assert float(kept.square().sum()) == pytest.approx(0.5, rel=1e-4)
    assert float(low_pass(fast, 32).abs().max()) < 1e-5


@pytest.mark.parametrize("policy", [SMALL, FreqKV(window=25, sinks=0, retained=0.3), FreqKV(30, 2, 0.75)])
@pytest.mark.parametrize("prompt", [1, 24, 60, 119])
def test_what_is_stored_is_what_the_paper_stores_token_by_token(tape, policy, prompt):
    text = tape(120)
    store, naive = policy.open(text.page.layer), [[Naive(policy) for _ in range(2)] for _ in range(2)]
    for t in range(120):
        for g in range(2):
            for x, one in zip((text.k_BGTD, text.v_BGTD), naive[g], strict=True):
                one.token(x[0, g, t], t)
        if t == prompt - 1:
            text.prompt(store, prompt, chunk=prompt)
        elif t >= prompt:
            text.play(store, t, t + 1, "token")
    [part] = store.read(text.q_BHTD, text.pos_BT)
    for g in range(2):
        for x, one in zip((part.k_BGSD, part.v_BGSD), naive[g], strict=True):
            torch.testing.assert_close(x[0, g], torch.stack(one.rows), **CLOSE)
            assert part.pos_BGS[0, g].tolist() == one.pos


def test_chunks_that_fit_read_as_the_paper_reads(tape):
    """Every chunk sees what is squeezed so far, rotated by its place in the store."""
    text, policy = tape(104), replace(SMALL, chunks=True)
    layer = replace(text.page.layer, rotated=False)
    text.page = Page(layer, CacheRelative(), text.page.pattern, text.page.scale)
    store, naive = policy.open(layer), [[Naive(policy) for _ in range(2)] for _ in range(2)]
    cuts = [0, *range(policy.window, 105, policy.window - policy.sinks - policy.squeezed)]
    for start, end in pairwise(cuts):
        got = text.play(store, start, end, "prompt_end" if end == 104 else "chunk")
        for h in range(4):
            keys, values = naive[h // 2]
            before = keys.rows, values.rows
            for t in range(start, end):
                k, v = (
                    torch.stack([*rows, *x[0, h // 2, start : t + 1]])
                    for rows, x in zip(before, (text.k_BGTD, text.v_BGTD), strict=True)
                )
                k = rotate(k[None, None], torch.arange(len(k))[None, None], layer.rotation)[0, 0]
                q = text.q_BHTD[:, h : h + 1, t : t + 1]
                q = rotate(q, torch.tensor([[[len(k) - 1]]]), layer.rotation)[0, 0, 0]
                want = torch.softmax(k @ q * text.page.scale, 0) @ v
                torch.testing.assert_close(got[0, h, t - start], want, **CLOSE)
        for g in range(2):
            for t in range(start, end):
                naive[g][0].token(text.k_BGTD[0, g, t], t)
                naive[g][1].token(text.v_BGTD[0, g, t], t)


def test_positions_rise_and_a_text_that_fits_stays_exact(tape):
    text = tape(400)
    store = SMALL.open(text.page.layer)
    text.prompt(store, 23, chunk=23)
    [part] = store.read(text.q_BHTD, text.pos_BT)
    assert torch.equal(part.k_BGSD, text.k_BGTD[:, :, :23])
    for t in range(23, 400):
        text.play(store, t, t + 1, "token")
        [part] = store.read(text.q_BHTD, text.pos_BT)
        assert bool((part.pos_BGS[0, 0].diff() > 0).all())
        assert part.pos_BGS[0, 0, :4].tolist() == [0, 1, 2, 3]
        assert len(part) < SMALL.window


@pytest.mark.parametrize("chunks", [True, False])
def test_bytes_are_those_of_the_window_whatever_was_read(tape, chunks):
    text = tape(2000)
    store, most = replace(SMALL, chunks=chunks).open(text.page.layer), 0
    for start in range(0, 2000, 10):
        text.play(store, start, start + 10, "chunk" if start < 1990 else "prompt_end")
        most = max(most, store.nbytes() if start > 500 else 0)
    slot = 2 * 2 * 8 * 4 + 8
    assert store.nbytes() == SMALL.window * slot
    assert (most <= (SMALL.window + SMALL.window // 2) * slot) == chunks


def test_a_model_reads_far_beyond_its_window():
    model = tiny(max_position_embeddings=64)
    with Session(model, Method(kv=FreqKV(64, chunks=True), positions=CacheRelative())) as session:
        session.prefill([list(range(2, 120)) * 5], chunk=30)
        assert session.decode(torch.tensor([[3]])).isfinite().all()
        assert max(len(part) for part in session._stores[0].read(torch.empty(0), torch.empty(0))) <= 64


def test_going_back_before_what_was_squeezed_is_refused(tape):
    text = tape(40)
    store = SMALL.open(text.page.layer)
    text.prompt(store, 30, chunk=30)
    with pytest.raises(NotRewindable, match="rolling back to 23"):
        store.truncate(torch.tensor([23]))
    store.truncate(torch.tensor([24]))
    assert len(next(iter(store.read(text.q_BHTD, text.pos_BT)))) == 14


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 4}, "window is 4 and sinks 4 tokens; give 0 <= sinks < window"),
        ({"sinks": -1}, "sinks -1 tokens"),
        ({"retained": 1.0}, "retained is 1.0: give a share between 0 and 1"),
        ({"retained": 0.0}, "retained is 0.0: give a share"),
        (
            {"window": 8, "retained": 0.1},
            "retained is 0.1: give a share between 0 and 1 that leaves something of 4 tokens",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        FreqKV(**wrong)
