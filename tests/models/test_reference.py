"""transformers' own way to read and write is what transformers' generate does."""

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.models.reference import Reference, timed

MODEL = tiny_model(num_hidden_layers=2)
PROMPT = MODEL.encode("continue may only occur in a loop; it goes on with the next cycle of the loop.")


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_it_writes_what_generate_writes(family):
    network = tiny_model(family).network
    side = Reference(network)
    first = side.read(PROMPT)
    wanted = network.generate(
        torch.tensor([PROMPT]), max_new_tokens=6, min_new_tokens=6, do_sample=False, eos_token_id=None
    )
    assert [first, *side.write(first, 5)] == wanted[0, len(PROMPT) :].tolist()


def test_all_that_was_read_and_appended_is_stored_and_then_forgotten():
    side = Reference(MODEL.network)
    config = MODEL.network.config
    token = 2 * 2 * config.num_key_value_heads * config.head_dim * 4
    assert timed(side, PROMPT, 3)["stored_bytes"] == (len(PROMPT) + 3) * token
    assert side.tokens == side.nbytes() == 0


def test_nothing_is_written_where_nothing_is_asked():
    spent = timed(Reference(MODEL.network), PROMPT, 0)
    assert spent["read"] > 0
    assert spent["write"] < spent["read"]
