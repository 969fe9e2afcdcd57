"""StreamingLLM is the model run on the tokens it keeps."""

from __future__ import annotations

import pytest
import torch

from longspan.core.types import EMPTY, Band
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny


class Places:
    """Every token at its place among the stored ones."""

    fixed = False

    def bands(self, q_BGT, k_BGS):
        stored = k_BGS != EMPTY
        before = (k_BGS[..., None, :] <= q_BGT[..., None]) & stored[..., None, :]
        return [Band(before.sum(-1) - 1, stored.cumsum(-1) - 1)]


@pytest.mark.parametrize("sinks", [4, 0])
@pytest.mark.parametrize("chunk", [60, 10])
def test_at_cache_relative_positions_one_layer_equals_recomputing_on_the_kept_tokens(sinks, chunk):
    model = tiny(num_hidden_layers=1)
    text = torch.randint(2, 120, (1, 90), generator=torch.Generator().manual_seed(0))
    policy = Eviction(StreamingLLM(sinks), 16, chunks=True, every=1)
    with Session(model, Method(kv=policy, positions=Places())) as session:
        session.prefill(text[:, :60].tolist(), chunk=chunk)
        for t in range(60, 90):
            got = session.decode(text[:, t : t + 1])[:, -1]
            kept = torch.cat([text[:, :sinks], text[:, t - 16 + sinks : t + 1]], 1)
            torch.testing.assert_close(got, model(kept).logits[:, -1], atol=2e-5, rtol=1e-4)


def test_it_keeps_the_beginning_and_the_end_of_every_row(tape, kept_of):
    text = tape(63, pads=(0, 20, 50))
    store = Eviction(StreamingLLM(sinks=3), 20).open(text.page.layer)
    text.prompt(store, 63, chunk=16)
    rows = [[*range(3), *range(46, 63)], [*range(3), *range(26, 43)], list(range(13))]
    assert kept_of(store, 3, 2) == {(b, g): rows[b] for b in range(3) for g in range(2)}
