"""Our sides do the work that they are timed for."""

import pytest
import torch
from tests.models.tiny_model import saved, tiny_model

from longspan.bench.peers import read
from longspan.bench.sides import SPARE, Longspan, Transformers, cut, encode, plain, prose
from longspan.core.errors import InputError
from longspan.models.half import is_halved, multiplies_half
from longspan.models.model import Model
from longspan.models.reference import Reference
from longspan.plan.shape import Shape

MODEL = tiny_model(num_hidden_layers=2)
TEXT = prose(MODEL, 500)


def reply(side, prompt, steps):
    first = side.read(prompt)
    return [first, *side.write(first, steps)]


@pytest.mark.parametrize("method", ["", "draft=prompt_lookup", "draft=self_draft:budget=96"])
def test_it_writes_what_transformers_writes(method):
    prompt, side = encode(MODEL, TEXT, 500), Longspan(MODEL, method)
    side._room = 520
    try:
        assert reply(side, prompt, 12) == reply(Reference(MODEL.network), prompt, 12)
    finally:
        side.close()


def test_a_method_that_evicts_holds_less_and_the_model_is_given_back():
    before = MODEL.network.config._attn_implementation
    full = Longspan(MODEL).run(TEXT, 500, 4)
    less = Longspan(MODEL, "kv=streaming_llm:budget=64").run(TEXT, 500, 4)
    assert 0 < less.stored_bytes < full.stored_bytes / 2
    assert MODEL.network.config._attn_implementation == before
    assert min(full.encode, full.read, full.write) > 0


def test_transformers_runs_between_turns_of_ours():
    sides = [Longspan(MODEL), Transformers(MODEL)]
    trials = [side.run(TEXT, 63, 2) for side in sides * 2]
    assert trials[1].stored_bytes == trials[3].stored_bytes > 0


@pytest.mark.parametrize("length", [1, 63, 500, 3000])
def test_the_text_is_as_long_as_asked_and_hardly_longer(length):
    text = prose(MODEL, length)
    assert len(encode(MODEL, text, length)) == length
    assert len(MODEL.encode(text)) <= length + SPARE + 1
    assert prose(MODEL, length) == text


def test_a_text_too_short_is_an_error_with_the_numbers():
    with pytest.raises(InputError, match=r"for 1,000 tokens is only 3 here"):
        cut([1, 2, 3], 1000)


def test_an_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'snapkv'"):
        Longspan(MODEL, "kv=snapvk")


@pytest.mark.skipif(not multiplies_half(), reason="PyTorch has FBGEMM on x86 processors only")
def test_transformers_runs_whole_weights_where_ours_are_halved(tmp_path):
    model = Model.load(saved(tmp_path, tiny_model().network.to(torch.bfloat16)), device="cpu", dtype="w16a32")
    theirs = plain(model)
    assert (model.dtype, model.computing, theirs.dtype) == ("w16a32", "float32", "float32")
    assert not is_halved(theirs.network)
    assert plain(theirs) is theirs
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(theirs.network(ids).logits, model.network(ids).logits, atol=1e-4, rtol=1e-4)
    (asked,) = read("transformers", gguf=tmp_path, python="")
    assert asked.held(Shape.of(model), 100) == 2 * Shape.of(model).weight_bytes
    assert asked.held(Shape.of(theirs), 100) == 0
