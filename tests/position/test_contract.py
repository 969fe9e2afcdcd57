"""What every position map keeps to, found from its file."""

from __future__ import annotations

import pytest
import torch

from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import EMPTY
from longspan.models.tiny import tiny
from longspan.position.plain import Plain

from tests.core.reference import belongs

from .runs import CLOSE, read, text

FAMILIES = ["llama", "qwen3", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "positions"}
TIGHT = {"self_extend": "group=3,window=10", "rerope": "window=9"}
"""Settings under which a text of 63 tokens is long."""
FARTHEST = {
    "plain": lambda n: n - 1,
    "cache_relative": lambda n: n - 1,
    "rerope": lambda n: min(9, n - 1),
    "self_extend": lambda n: max(min(n, 10) - 1, (n - 1) // 3 + 10 - 10 // 3),
}
"""The greatest distance that each promises the model for n stored tokens, with these settings."""
LENGTHS = [1, 2, 9, 10, 11, 63]


def tight(name):
    return build("positions", ":".join(filter(None, [name, TIGHT.get(name, "")])))


def roomy(name):
    """A map whose window, where it has one, is as long as the text."""
    windowed = any(field.name == "window" for field in METHODS[name].fields)
    return build("positions", f"{name}:window=63" if windowed else name)


def model(family):
    return tiny(family, initializer_range=0.05)


def shown(positions, pos_S):
    """The distance [S, S] at which each query of a text sees each key, both at these true positions."""
    pos_BGS = pos_S[None, None]
    q, k = pos_BGS[..., None], pos_BGS[:, :, None]
    distance = torch.full((1, 1, len(pos_S), len(pos_S)), -1)
    for band in positions.bands(pos_BGS, pos_BGS):
        here = belongs(band, q, k)
        distance = torch.where(here, band.q_BGT[..., None] - band.k_BGS[:, :, None], distance)
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
    below = torch.ones(n, n).tril().bool()
    seen = shown(tight(name), torch.arange(n))[below]
    assert int(seen.min()) == 0
    assert int(seen.max()) <= FARTHEST[name](n)


@pytest.mark.parametrize("name", METHODS)
def test_the_nearest_tokens_are_at_their_own_distance(name):
    distance = shown(tight(name), torch.arange(63))
    for near in range(9):
        assert distance.diagonal(-near).tolist() == [near] * (63 - near)


@pytest.mark.parametrize("name", METHODS)
def test_farther_tokens_never_seem_nearer(name):
    distance = shown(tight(name), torch.arange(63))
    for query in range(63):
        assert bool((distance[query, : query + 1].diff() <= 0).all())


@pytest.mark.parametrize("name", METHODS)
def test_empty_slots_move_no_token(name):
    pos_S = torch.arange(20)
    padded = shown(tight(name), torch.cat([torch.full((7,), EMPTY), pos_S]))
    assert torch.equal(padded[7:, 7:], shown(tight(name), pos_S))


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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(name, family):
    own, tokens = model(family), torch.tensor([text(63)])
    with torch.no_grad():
        before = own(tokens).logits
        first = read(own, tokens.tolist(), reply=3, positions=tight(name))
        assert torch.equal(own(tokens).logits, before)
    assert torch.equal(first, read(own, tokens.tolist(), reply=3, positions=tight(name)))
