"""What every way of reading long passages keeps to, found from its file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longspan.core.discover import entries

KINDS = ["bert", "roberta"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "embed"}
LONG = {
    "grouped": "length=500",
    "interpolated": "length=500",
    "parallel": "window=63",
    "recurrent": "length=500",
}
"""Settings under which an encoder of 64 positions reads what exceeds them."""
ROOMY = {**LONG, "parallel": "window=64"}
"""Settings under which it reads 64 tokens at once."""
TURNED = ["rope=ntk_aware:factor=9", "rope=pi:factor=8", "positions=self_extend:group=9,window=16"]
"""The same for rotary encoders."""


def way(name: str, settings: dict[str, str] = LONG) -> str:
    return f"embed={name}:{settings[name]}"


WAYS = [
    *((kind, way(name)) for kind in KINDS for name in METHODS),
    *(("nomic", f"embed=parallel:window=500 {turned}") for turned in TURNED),
]
every_way = pytest.mark.parametrize(("kind", "method"), WAYS)


@pytest.mark.parametrize(
    ("kind", "method"),
    [*((kind, way(name, ROOMY)) for kind in KINDS for name in METHODS), *(way for way in WAYS if way[0] == "nomic")],
)
def test_texts_within_the_trained_window_are_read_as_trained_to_the_bit(encoder, text, kind, method):
    texts = [text(64), text(63, seed=1), text(9, seed=2), ""]
    plain = encoder("embed=parallel:window=64", kind).encode(texts)
    assert np.array_equal(encoder(method, kind).encode(texts), plain)
    assert np.array_equal(encoder(method, kind).encode([*texts, text(500)])[:4], plain)


@every_way
def test_a_text_counts_to_its_end(encoder, text, kind, method):
    start = text(400)
    vectors = encoder(method, kind).encode([start, f"{start} {text(90, seed=1)}", f"{start} {text(250, seed=2)}"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert max(vectors[0] @ vectors[1], vectors[1] @ vectors[2]) < 0.9999


@every_way
def test_a_batch_equals_its_texts_alone(encoder, text, kind, method):
    texts = [text(500), text(63, seed=1), text(301, seed=2), text(500, seed=3), text(777, seed=4)]
    reading = encoder(method, kind)
    alone = np.concatenate([reading.encode([each]) for each in texts])
    assert reading.encode(texts) == pytest.approx(alone, abs=2e-6)


@every_way
def test_the_encoder_is_untouched_afterwards(encoder, model, text, kind, method):
    reading, own = encoder(method, kind), model(kind)
    reading.encode([text(500)])
    used = reading._model
    assert str(used) == str(own)
    assert used.config._attn_implementation == own.config._attn_implementation
    weights = own.state_dict()
    assert used.state_dict().keys() == weights.keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in used.state_dict().items())


@every_way
def test_the_digest_names_the_way(encoder, kind, method):
    assert encoder(method, kind).digest == encoder(method, kind).digest
    assert encoder(method, kind).digest != encoder("", kind).digest


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("length", [1, 64, 65, 500])
def test_no_place_lies_beyond_the_table(name, length):
    from longspan.models.encoding import Encoding

    embed = Encoding.parse(way(name)).embed
    for tokens in {length, min(length, embed.reach(64))}:
        places = embed.places(tokens, 64)
        assert len(places) == tokens
        assert bool((places >= 0).all())
    assert embed.places(min(length, embed.reach(64)), 64).max() <= 63
