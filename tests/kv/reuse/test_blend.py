"""Which tokens of stored passages are read again."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.reuse.blend import CacheBlend, deviations, most


def counts(choice, depth, stored):
    return [choice.count(layer, depth, stored) for layer in range(depth)]


def test_shares_fall_in_a_straight_line_around_their_mean():
    assert counts(CacheBlend(share=0.15, taper=0.2), 6, 1000) == [1000, 180, 165, 150, 135, 120]
    assert counts(CacheBlend(share=0.5, start=2, taper=1), 5, 10) == [10, 10, 10, 5, 0]


@pytest.mark.parametrize(("share", "taper"), [(0.15, 0), (0.15, 0.2), (0.5, 1), (0.9, 1), (0, 1), (1, 1)])
@pytest.mark.parametrize("depth", [2, 3, 32])
def test_shares_never_grow_and_keep_to_their_mean(share, taper, depth):
    read = counts(CacheBlend(share=share, taper=taper), depth, 10_000)
    assert read == sorted(read, reverse=True)
    assert read[0] == 10_000
    assert read[-1] >= 0
    assert sum(read[1:]) == pytest.approx(10_000 * share * (depth - 1), abs=depth)


def test_all_and_nothing_are_exact_whatever_the_taper():
    assert counts(CacheBlend(share=1, taper=1), 4, 63) == [63] * 4
    assert counts(CacheBlend(share=0, taper=1), 4, 63) == [63, 0, 0, 0]
    assert counts(CacheBlend(share=0.5, start=9), 4, 63) == [63] * 4


def test_deviation_is_the_absolute_difference_over_heads_and_channels():
    k, v, old_k, old_v = torch.randn(4, 1, 2, 5, 3, generator=torch.Generator().manual_seed(0))
    want = [
        sum(
            abs(float(new[0, head, token, channel] - old[0, head, token, channel]))
            for new, old in ((k, old_k), (v, old_v))
            for head in range(2)
            for channel in range(3)
        )
        for token in range(5)
    ]
    torch.testing.assert_close(deviations(k, v, old_k, old_v), torch.tensor(want))


def test_the_most_deviating_and_all_that_is_stored_nowhere_are_taken_in_order():
    deviation_T = torch.tensor([1.0, 9.0, 3.0, 0.0, 5.0, 7.0])
    own_T = torch.tensor([False, True, False, True, False, False])
    assert most(deviation_T, own_T, 2).tolist() == [1, 3, 4, 5]
    assert most(deviation_T, own_T, 0).tolist() == [1, 3]
    assert most(deviation_T, own_T, 4).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("settings", [{"share": -0.1}, {"share": 1.5}, {"taper": 2}, {"start": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="from 0"):
        CacheBlend(**settings)
