"""What every drafter keeps to, found from its file."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import torch
from tests.draft.drafts import ends_of, saved, untrained
from tests.models.tiny_model import tiny_model

from longspan.core.discover import entries
from longspan.decode.generate import GREEDY, Generation, Limits
from longspan.decode.sampling import Sampling
from longspan.models.method import Method

FAMILIES = ["llama", "qwen3", "gemma3"]
SETTINGS = {
    "self_draft": "window=4,budget=16,again=8",
    "triforce": "chunk=4,budget=16",
    "rapid": "budget=16,piece=8,question=8",
    "longspec": "weights={weights},window=7,tree=2|3|3",
}
"""What a drafter needs to make sense at a tiny model's lengths."""
METHODS = [
    "longspec:weights={weights},window=7,tokens=4",
    *(
        ":".join(filter(None, [entry.name, SETTINGS.get(entry.name, "")]))
        for entry in entries()
        if entry.seam == "draft"
    ),
]
PROMPTS = ["continue may only occur in a loop; it goes on with the next cycle of the loop; continue may", "A"]


@pytest.fixture
def named(tmp_path):
    """A drafter's method string, for a model whose draft it may need the weights of."""

    def name(draft, model):
        if "{weights}" in draft:
            draft = draft.format(weights=quote(str(saved(untrained(ends_of(model)), tmp_path))))
        return f"draft={draft}"

    return name


def written(model, prompt, method="", sampling=GREEDY):
    with model.open(Method.parse(method), length=400) as session:
        generation = Generation(session, model.decode, limits=Limits(30), sampling=sampling, draft=session.draft())
        list(generation.run([model.encode(prompt)]))
        return generation.replies[0], session.nbytes()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("draft", METHODS)
def test_greedy_text_is_that_of_the_model_alone(draft, prompt, family, named):
    model = tiny_model(family)
    for sampling in (GREEDY, Sampling(repetition_penalty=1.2)):
        assert written(model, prompt, named(draft, model), sampling)[0] == written(model, prompt, "", sampling)[0]


@pytest.mark.parametrize("method", ["kv=offload:tier=host,block=16", "positions=self_extend:group=3,window=10"])
@pytest.mark.parametrize("draft", METHODS)
def test_replies_of_several_turns_are_those_of_the_model_alone(draft, method, named):
    model = tiny_model()

    def replies(spelled):
        read, found = [], []
        with model.open(Method.parse(spelled), length=400) as session:
            for prompt in (PROMPTS[0], " and then", "A", PROMPTS[0]):
                generation = Generation(session, model.decode, limits=Limits(12), draft=session.draft())
                list(generation.run([model.encode(prompt)], before=read))
                found.append(generation.replies[0].tokens)
                read += [*model.encode(prompt), *found[-1]][: session.tokens[0] - len(read)]
        return found

    assert replies(f"{method} {named(draft, model)}") == replies(method)


@pytest.mark.parametrize("draft", METHODS)
def test_the_same_seed_draws_the_same(draft, named):
    model, sampling = tiny_model(), Sampling(temperature=1.0, seed=3)
    method = named(draft, model)
    first, again = (written(model, PROMPTS[0], method, sampling)[0] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("draft", METHODS)
def test_the_model_is_left_as_it_was(draft, named):
    model = tiny_model()
    rotary, tokens = model.network.get_decoder().rotary_emb, torch.tensor([model.encode(PROMPTS[0])])
    with torch.no_grad():
        before = model.network(tokens).logits
        written(model, PROMPTS[0], named(draft, model))
        assert torch.equal(model.network(tokens).logits, before)
    assert model.network.get_decoder().rotary_emb is rotary


def test_a_tree_leaves_every_draw_as_it_was(named):
    model, draft = tiny_model(), "longspec:weights={weights},window=7,tree=3|6|6"
    for seed in range(4):
        sampling = Sampling(temperature=0.8, top_p=0.95, seed=seed)
        assert (
            written(model, PROMPTS[0], named(draft, model), sampling)[0] == written(model, PROMPTS[0], "", sampling)[0]
        )
