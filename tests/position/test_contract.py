"""What every position map keeps to, found from its file."""

from __future__ import annotations

import pytest
import torch
from tests.core.reference import belongs

from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import EMPTY
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.plain import Plain

from .runs import CLOSE, read, text

FAMILIES = ["llama", "qwen3", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "positions"}
TIGHT = {
    "dca": "chunk=24,local=10",
    "dpe": "scales=2|3,window=10",
    "gali": "window=40,local=13,chunk=4",
    "leaky_rerope": "window=10,stretch=2.5",
    "lm_infinite": "local=20,limit=25,sinks=4",
    "pcw": "window=12,windows=3",
    "rerope": "window=9",
    "self_extend": "group=3,window=10",
    "string": "offset=30,local=10",
}
"""Settings under which a text of 63 tokens is long."""
ROOMY = {
    "dca": "chunk=73,local=10",
    "dpe": "scales=2|3,window=63",
    "gali": "window=63,local=13",
    "leaky_rerope": "window=63,stretch=2.5",
    "lm_infinite": "local=63,limit=63",
    "pcw": "window=12,windows=1",
    "rerope": "window=63",
    "self_extend": "window=63",
    "string": "offset=63,local=10",
}
"""Settings under which it is short."""
FARTHEST = {
    "cache_relative": lambda n: n - 1,
    "dca": lambda n: min(24, n - 1),
    "dpe": lambda n: max(min(n, 10) - 1, (n - 1) // 2 + 5),
    "gali": lambda n: min(39, n - 1),
    "leaky_rerope": lambda n: max(min(n, 10) - 1, 10 + (n - 11) / 2.5),
    "lm_infinite": lambda n: min(25, n - 1),
    "pcw": lambda n: max(min(n, 12), n - 22) - 1,
    "plain": lambda n: n - 1,
    "rerope": lambda n: min(9, n - 1),
    "self_extend": lambda n: max(min(n, 10) - 1, (n - 1) // 3 + 10 - 10 // 3),
    "string": lambda n: max(min(n, 30) - 1, n - 21),
}
"""The greatest distance that each promises the model for n stored tokens, with the tight settings."""
SELECTIVE = {"lm_infinite", "pcw"}
"""Maps under which a query does not see all tokens before it."""
FOLDING = {"dca", "pcw", "string"}
"""Maps under which a token may seem nearer than one that follows it."""
LENGTHS = [1, 2, 9, 10, 11, 63]


def tight(name):
    return build("positions", ":".join(filter(None, [name, TIGHT.get(name, "")])))


def roomy(name):
    return build("positions", ":".join(filter(None, [name, ROOMY.get(name, "")])))


def model(family):
    return tiny(family, initializer_range=0.05)


def shown(positions, pos_S):
    """The distance [S, S] at which each query of a text sees each key, both at these true positions; NaN: unseen.

    A last axis holds the groups of channel pairs that are placed by themselves.
    """
    pos_BGS, times = pos_S[None, None], 0
    distance = torch.full((1, 1, len(pos_S), len(pos_S), 1), float("nan"))
    for band in positions.bands(pos_BGS, pos_BGS):
        q, k = (x if x.dim() > 3 else x[..., None] for x in (band.q_BGT, band.k_BGS))
        here = belongs(band, pos_BGS[..., None], pos_BGS[:, :, None])
        distance, times = torch.where(here[..., None], q[:, :, :, None] - k[:, :, None], distance), times + here.int()
    assert int(times.max()) == 1, "a pair is in two bands"
    return distance[0, 0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_window_as_long_as_the_text_changes_nothing(name, family):
    own, rows = model(family), [text(63), text(40, seed=1)]
    got = read(own, rows, reply=3, chunk=16, positions=roomy(name))
    torch.testing.assert_close(got, read(own, rows, reply=3, positions=Plain()), **CLOSE)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", METHODS)
def test_no_distance_is_greater_than_promised(name, n):
    distance = shown(tight(name), torch.arange(n))
    seen = distance[~distance.isnan()]
    assert float(seen.min()) == 0
    assert float(seen.max()) <= FARTHEST[name](n)


@pytest.mark.parametrize("name", METHODS)
def test_a_query_sees_all_before_it_and_nothing_after_unless_the_paper_says_otherwise(name):
    seen = ~shown(tight(name), torch.arange(63)).isnan().any(-1)
    below = torch.ones(63, 63).tril().bool()
    assert not bool((seen & ~below).any())
    assert torch.equal(seen, below) == (name not in SELECTIVE)


@pytest.mark.parametrize("name", METHODS)
def test_the_nearest_tokens_are_at_their_own_distance(name):
    distance = shown(tight(name), torch.arange(63))
    for near in range(9):
        seen = distance.diagonal(-near)
        assert bool(((seen == near) | seen.isnan()).all())


@pytest.mark.parametrize("name", METHODS)
def test_farther_tokens_never_seem_nearer_unless_the_paper_folds_the_text(name):
    distance = shown(tight(name), torch.arange(63))
    seen = [row[~row.isnan().any(-1)] for row in distance]
    assert all(bool((row.diff(dim=0) <= 0).all()) for row in seen) == (name not in FOLDING)


@pytest.mark.parametrize("name", METHODS)
def test_empty_slots_move_no_token(name):
    pos_S = torch.arange(20)
    padded = shown(tight(name), torch.cat([torch.full((7,), EMPTY), pos_S]))
    torch.testing.assert_close(padded[7:, 7:], shown(tight(name), pos_S), equal_nan=True)


@pytest.mark.parametrize("name", METHODS)
def test_a_map_called_fixed_leaves_keys_where_they_are(name):
    if tight(name).fixed:
        pos_BGS = torch.arange(63)[None, None]
        for band in tight(name).bands(pos_BGS + 5, pos_BGS):
            assert torch.equal(band.k_BGS, pos_BGS)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_batch_padded_on_the_left_equals_two_runs(name, family):
    own, rows = model(family), [text(63), text(40, seed=1)]
    together = read(own, rows, reply=3, chunk=16, positions=tight(name))
    for row, got in zip(rows, together, strict=True):
        torch.testing.assert_close(got[None], read(own, [row], reply=3, positions=tight(name)), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_chunked_and_decoded_equal_whole(name, family):
    own, row = model(family), text(63)
    whole = read(own, [row], reply=0, positions=tight(name))[:, -1]
    for chunk, reply in ((13, 0), (62, 0), (512, 7)):
        got = read(own, [row], reply=reply, chunk=chunk, positions=tight(name))[:, -1]
        torch.testing.assert_close(got, whole, **CLOSE)


@pytest.mark.parametrize("name", METHODS)
def test_turns_and_what_is_taken_back_do_not_matter(name):
    own, rows, ends = model("llama"), [text(63), text(40, seed=1)], [20, 25]
    with Session(own, Method(positions=tight(name))) as session:
        session.prefill([row[:end] for row, end in zip(rows, ends, strict=True)], chunk=16)
        session.decode(torch.tensor([[5, 6, 7], [8, 9, 10]]))
        session.rewind(3)
        got = session.prefill([row[end:] for row, end in zip(rows, ends, strict=True)], chunk=16)
    torch.testing.assert_close(got, read(own, rows, reply=0, positions=tight(name))[:, -1], **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(name, family):
    own, tokens = model(family), torch.tensor([text(63)])
    with torch.no_grad():
        before = own(tokens).logits
        first = read(own, tokens.tolist(), reply=3, positions=tight(name))
        assert torch.equal(own(tokens).logits, before)
    assert torch.equal(first, read(own, tokens.tolist(), reply=3, positions=tight(name)))
