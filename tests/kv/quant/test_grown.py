"""Grown tensors hold what was put in, in memory that follows."""

from __future__ import annotations

import torch

from longspan.kv.quant.grown import ROOM, Grown


def test_entries_come_back_whatever_the_cuts():
    held, want = Grown(), torch.arange(600).reshape(300, 2)
    for start in range(0, 300, 7):
        held.append(want[start : start + 7])
    assert torch.equal(held[:], want)
    held.drop(100)
    held.truncate(150)
    held.append(want[250:])
    assert torch.equal(held[:], want[100:])


def test_the_first_entries_take_no_spare_room_and_later_ones_an_eighth():
    held = Grown()
    held.append(torch.zeros(500, dtype=torch.uint8))
    assert held.nbytes() == 500
    held.append(torch.zeros(1, dtype=torch.uint8))
    assert held.nbytes() == 500 + 500 // 8
    few = Grown()
    few.append(torch.zeros(1, dtype=torch.uint8))
    few.append(torch.zeros(1, dtype=torch.uint8))
    assert few.nbytes() == 1 + ROOM


def test_dropping_gives_memory_back():
    held = Grown()
    held.append(torch.zeros(500, dtype=torch.uint8))
    held.drop(480)
    assert held.nbytes() == 20
