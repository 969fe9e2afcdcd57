"""Recurrent positions against the equation."""

from __future__ import annotations

import pytest
import torch

from longspan.embed.recurrent import Recurrent


def test_positions_begin_again_after_the_last():
    assert Recurrent().places(500, 64).tolist() == [place % 64 for place in range(500)]


def test_the_encoder_reads_at_these_positions(encoder, model, text, ids):
    tokens = ids(text(300))
    with torch.inference_mode():
        pos = torch.tensor([[place % 64 for place in range(300)]])
        mean = model()(tokens, position_ids=pos).last_hidden_state[0].mean(0)
    assert encoder("embed=recurrent:length=500").encode([text(300)])[0] == pytest.approx(
        (mean / mean.norm()).numpy(), abs=1e-5
    )
