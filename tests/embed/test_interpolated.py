"""Interpolated positions against a table made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from longspan.embed.interpolated import Interpolated


def stretched(table: torch.Tensor, factor: int) -> torch.Tensor:
    """Between row i and row i + 1 at share j of the way, for every j; nothing lies beyond the last row."""
    rows = []
    for place in range(len(table) * factor):
        below, part = divmod(place, factor)
        above = min(below + 1, len(table) - 1)
        rows.append(table[below] * (1 - part / factor) + table[above] * (part / factor))
    return torch.stack(rows)


@pytest.mark.parametrize(("factor", "length"), [(2, 127), (2, 128), (8, 500)])
def test_a_text_is_read_as_by_a_longer_table(encoder, model, text, ids, factor, length):
    own = model()
    longer = stretched(own.embeddings.position_embeddings.weight.detach(), factor)
    own.embeddings.position_embeddings = nn.Embedding.from_pretrained(longer)
    tokens = ids(text(length))
    with torch.inference_mode():
        pos = torch.arange(length)[None]
        mean = own(tokens, position_ids=pos, token_type_ids=0 * tokens).last_hidden_state[0].mean(0)
    found = encoder(f"embed=interpolated:length={64 * factor}").encode([text(length)])[0]
    assert found == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


def test_the_factor_is_the_length_over_the_rows_rounded_up():
    places = Interpolated(130).places(100, 64)
    assert places[:4].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert np.array_equal(Interpolated(130).places(64, 64), np.arange(64))
