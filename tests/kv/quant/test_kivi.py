"""KIVI: keys rounded by channel whenever the residual is full, values token by token."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.quant.column import SPARE
from longspan.kv.quant.kivi import KIVI

CLOSE = {"atol": 1e-6, "rtol": 1e-5}


def rounded(x, bits):
    """Numbers of one group to even levels between its ends."""
    low, high = float(x.min().half()), float(x.max().half())
    step = float(torch.tensor((high - low) / (2**bits - 1)).half())
    return ((x - low) / step).round().clamp(0, 2**bits - 1) * step + low


class Naive:
    """The paper's algorithm, token by token, for one head: lists of what is kept."""

    def __init__(self, policy, prompt_k, prompt_v):
        self.policy = policy
        R, length = policy.residual, len(prompt_k)
        whole = length - length % R
        self.keys = self.by_channel(prompt_k[:whole])
        self.recent_keys = list(prompt_k[whole:])
        self.values = [self.by_token(v) for v in prompt_v[: max(0, length - R)]]
        self.recent_values = list(prompt_v[max(0, length - R) :])

    def by_channel(self, keys):
        out, G = [], self.policy.group
        for start in range(0, len(keys), G):
            group = torch.stack(list(keys[start : start + G]))
            out += torch.stack([rounded(channel, self.policy.bits) for channel in group.unbind(1)], 1)
        return out

    def by_token(self, value):
        G = self.policy.group
        return torch.cat([rounded(value[c : c + G], self.policy.bits) for c in range(0, len(value), G)])

    def token(self, key, value):
        self.recent_keys.append(key)
        self.recent_values.append(value)
        if len(self.recent_keys) == self.policy.residual:
            self.keys += self.by_channel(self.recent_keys)
            self.recent_keys = []
        if len(self.recent_values) > self.policy.residual:
            self.values.append(self.by_token(self.recent_values.pop(0)))

    def stored(self):
        return torch.stack(self.keys + self.recent_keys), torch.stack(self.values + self.recent_values)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("prompt", [5, 16, 63, 64])
def test_what_is_stored_is_what_the_algorithm_stores(tape, stored, bits, prompt):
    text, policy = tape(120), KIVI(bits, group=4, residual=16)
    store = policy.open(text.page.layer)
    text.prompt(store, prompt, chunk=prompt)
    naive = [Naive(policy, text.k_BGTD[0, g, :prompt], text.v_BGTD[0, g, :prompt]) for g in range(2)]
    for t in range(prompt, 120):
        keys, values = stored(store)
        for g in range(2):
            want_keys, want_values = naive[g].stored()
            torch.testing.assert_close(keys[g], want_keys, **CLOSE)
            torch.testing.assert_close(values[g], want_values, **CLOSE)
            naive[g].token(text.k_BGTD[0, g, t], text.v_BGTD[0, g, t])
        text.play(store, t, t + 1, "token")


def test_attention_is_that_over_what_is_stored(tape, stored):
    text = tape(100)
    store = KIVI(4, group=4, residual=16).open(text.page.layer)
    text.prompt(store, 90, chunk=90)
    for t in range(90, 100):
        keys, values = stored(store)
        text.k_BGTD[0, :, :t], text.v_BGTD[0, :, :t] = keys, values
        want = text.naive({(0, g): list(range(t)) for g in range(2)}, t, t + 1)
        torch.testing.assert_close(text.play(store, t, t + 1, "token"), want, atol=1e-5, rtol=1e-4)


def test_nothing_is_rounded_twice(tape, stored):
    text = tape(400)
    store = KIVI(2, group=4, residual=16).open(text.page.layer)
    text.prompt(store, 40, chunk=40)
    seen = [stored(store)[0][:, :32].clone()]
    for t in range(40, 400):
        text.play(store, t, t + 1, "token")
        seen.append(stored(store)[0][:, :32].clone())
    assert all(torch.equal(a, b) for a, b in pairwise(seen))


def test_channels_with_a_value_of_their_own_lose_less_by_channel_than_by_token(tape, stored):
    text = tape(128)
    text.k_BGTD[..., 3] += 30
    store = KIVI(2, group=8, residual=8).open(text.page.layer)
    text.prompt(store, 128, chunk=128)
    error = (stored(store)[0] - text.k_BGTD[0]).square().mean()
    assert float(error) < 0.2
    by_token = torch.stack([rounded(token, 2) for token in text.k_BGTD[0].flatten(0, 1)]).view(2, 128, 8)
    assert float((by_token - text.k_BGTD[0]).square().mean()) > 3 * float(error)


@pytest.mark.parametrize("bits", [2, 4])
def test_bytes_at_500_tokens_are_the_bits_the_groups_and_the_exact_tokens(tape, bits):
    text = tape(500)
    store = KIVI(bits, group=4, residual=100).open(text.page.layer)
    text.prompt(store, 500, chunk=500)
    keys = 500 * 16 * (bits / 8 + 4 / 4) + (500 - 400) * 16 * 4
    values = 400 * 16 * (bits / 8 + 4 / 4) + (100 + SPARE) * 16 * 4
    assert store.nbytes() == keys + values + 500 * 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": 3}, "bits is 3; give 2 or 4"),
        ({"group": 0}, "group is 0; give 1 or more"),
        ({"residual": 100}, "residual is 100 tokens, not whole groups of 32; give a multiple, such as 96"),
        ({"residual": 0}, "not whole groups of 32; give a multiple, such as 32"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        KIVI(**wrong)


def test_a_group_that_does_not_divide_the_heads_is_refused_when_opened(tape):
    with pytest.raises(InputError, match="group is 32 channels, which does not divide this model's heads of 8"):
        KIVI().open(tape(1).page.layer)
