"""Numbers follow their tokens."""

from __future__ import annotations

import torch

from longspan.kv.tally import Tally


def test_numbers_are_found_by_position_whatever_left_and_came():
    tally = Tally()
    assert tally.at(torch.tensor([[[-1, 0, 3]]])).tolist() == [[[0, 0, 0]]]
    assert tally.nbytes() == 0
    tally.put(torch.tensor([[[0, 1, 4], [-1, -1, 7]]]), torch.tensor([[[1.0, 2, 3], [8, 9, 4]]]))
    assert tally.at(torch.tensor([[[1, 4, 5], [-1, 4, 7]]]))[..., 1:].tolist() == [[[3, 0], [0, 4]]]
    assert tally.nbytes() == 6 * 8


def test_what_is_not_kept_is_forgotten_and_frees_its_bytes():
    tally = Tally()
    tally.put(torch.arange(50).expand(2, 3, 50), torch.rand(2, 3, 50))
    tally.keep(torch.tensor([2, 30]).expand(2, 3, 2))
    assert tally.nbytes() == 2 * 3 * 2 * 8
    assert tally.at(torch.tensor([1, 2, 30, 49]).expand(2, 3, 4)).count_nonzero() == 2 * 3 * 2


def test_the_number_of_an_infinite_token_is_not_taken_for_another():
    tally = Tally()
    tally.put(torch.tensor([[[5]]]), torch.tensor([[[float("inf")]]]))
    assert tally.at(torch.tensor([[[4, 5, 6]]])).tolist() == [[[0, float("inf"), 0]]]
