"""A tree of tokens is read as each of its branches would be, and the kept one is as if it alone had come."""

from __future__ import annotations

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.types import NotRewindable
from longspan.models.method import Method

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
TOKENS = [5, 6, 7, 8, 9, 10, 11]
PARENTS = [-1, 0, 0, 1, 2, 2, 4]
"""5 -> (6 -> 8), (7 -> (9 -> 11), 10)."""
METHODS = [
    "",
    "rope=yarn:factor=4",
    "positions=rerope:window=12",
    "positions=self_extend:group=3,window=10",
    "kv=integer:bits=8,group=8,residual=64",
    "kv=offload:tier=host,block=16",
    "kv=snapkv:window=8,budget=24",
    "kv=cca:group=4,local=16",
]


def prompt(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def path_to(node):
    return [] if node < 0 else [*path_to(PARENTS[node]), node]


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3", "cohere"])
@pytest.mark.parametrize("method", METHODS)
def test_every_branch_is_read_as_if_alone(method, family):
    model, text = tiny_model(family), prompt(70)
    with model.open(Method.parse(method), length=200) as session:
        session.prefill([text])
        got = session.branch(TOKENS, PARENTS)
    for node in range(len(TOKENS)):
        with model.open(Method.parse(method), length=200) as alone:
            alone.prefill([text])
            want = alone.decode(torch.tensor([[TOKENS[at] for at in path_to(node)]]))[0, -1]
        torch.testing.assert_close(got[node], want, **CLOSE)


@pytest.mark.parametrize("family", ["llama", "gemma3"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_kept_is_as_if_the_other_branches_had_never_come(method, family):
    model, text, path = tiny_model(family), prompt(70), [0, 2, 4]
    with model.open(Method.parse(method), length=200) as session, model.open(Method.parse(method), length=200) as alone:
        for each in (session, alone):
            each.prefill([text])
        for _ in range(3):
            session.branch(TOKENS, PARENTS)
            session.keep(path)
            alone.decode(torch.tensor([[TOKENS[at] for at in path]]))
        assert session.tokens == alone.tokens == [79]
        more = torch.tensor([[20, 21]])
        torch.testing.assert_close(session.decode(more), alone.decode(more), **CLOSE)


def test_a_store_that_cannot_forget_says_so():
    with tiny_model().open(Method.parse("kv=streaming_llm:budget=24,every=1"), length=200) as session:
        session.prefill([prompt(70)])
        session.branch(TOKENS, PARENTS)
        session.keep([0, 1])
        with pytest.raises(NotRewindable):
            session.rewind(60)


def test_a_tree_whose_tokens_follow_later_ones_is_a_mistake():
    with tiny_model().open() as session:
        session.prefill([prompt(9)])
        for parents in ([0, 0], [-1, 1], [-1]):
            with pytest.raises(ValueError, match="before it"):
                session.branch([3, 4], parents)
