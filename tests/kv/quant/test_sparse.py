"""Chosen numbers come back exactly, at their places."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.quant.sparse import Sparse


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cut", [1, 7, 100])
def test_chosen_numbers_come_back_exactly(cut, dtype):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100, 24, generator=generator).to(dtype)
    chosen = torch.rand(100, 24, generator=generator) < 0.05
    chosen[10:20] = False
    held = Sparse(24)
    for start in range(0, 100, cut):
        held.push(x[start : start + cut], chosen[start : start + cut])
    for start, end in [(0, 100), (3, 50), (11, 19), (99, 100)]:
        out = torch.zeros(end - start, 24, dtype=dtype)
        held.fill(out, start, end)
        assert torch.equal(out, x[start:end] * chosen[start:end])


def test_forgotten_tokens_leave_room_for_others():
    x, chosen = torch.randn(20, 8), torch.rand(20, 8) < 0.3
    held, out = Sparse(8), torch.zeros(15, 8)
    held.push(x, chosen)
    held.truncate(10)
    held.push(x[15:], chosen[15:])
    held.fill(out, 0, 15)
    rows = [*range(10), *range(15, 20)]
    assert torch.equal(out, (x * chosen)[rows])
    held.truncate(0)
    held.push(x, chosen)
    again = torch.zeros(20, 8)
    held.fill(again, 0, 20)
    assert torch.equal(again, x * chosen)


@pytest.mark.parametrize(("width", "index"), [(2**15, 2), (2**15 + 8, 4)])
def test_a_number_takes_its_bytes_and_its_channels(width, index):
    held, chosen = Sparse(width), torch.zeros(3, width, dtype=torch.bool)
    chosen[:, -2:] = True
    held.push(torch.zeros(3, width, dtype=torch.bfloat16), chosen)
    assert held.nbytes() == 6 * (2 + index) + 3 * 4
    x = torch.ones(3, width, dtype=torch.bfloat16)
    held.fill(x, 0, 3)
    assert torch.equal(x == 0, chosen)
