"""Grouped positions against the equation."""

from __future__ import annotations

import pytest
import torch

from longspan.embed.grouped import Grouped


@pytest.mark.parametrize(("length", "group"), [(64, 1), (65, 2), (128, 2), (129, 3), (500, 8)])
def test_neighbours_share_a_position(length, group):
    assert Grouped().places(length, 64).tolist() == [place // group for place in range(length)]


def test_the_encoder_reads_at_these_positions(encoder, model, text, ids):
    tokens = ids(text(127))
    with torch.inference_mode():
        pos = torch.tensor([[place // 2 for place in range(127)]])
        mean = model()(tokens, position_ids=pos).last_hidden_state[0].mean(0)
    assert encoder("embed=grouped:length=500").encode([text(127)])[0] == pytest.approx(
        (mean / mean.norm()).numpy(), abs=1e-5
    )
