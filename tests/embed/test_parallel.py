"""Parallel windows against the mean written out."""

from __future__ import annotations

import pytest
import torch


@pytest.mark.parametrize("kind", ["bert", "nomic"])
def test_the_vector_is_the_windows_mean_weighed_by_their_tokens(encoder, model, text, ids, kind):
    own, words = model(kind), text(150).split()
    total, tokens = torch.zeros(32), 0
    for start in range(0, len(words), 62):
        window = ids(" ".join(words[start : start + 62]))
        with torch.inference_mode():
            mean = own(window).last_hidden_state[0].mean(0)
        total += window.shape[1] * mean
        tokens += window.shape[1]
    vector = total / tokens
    found = encoder("embed=parallel:window=64", kind).encode([" ".join(words)])[0]
    assert found == pytest.approx((vector / vector.norm()).numpy(), abs=1e-5)
