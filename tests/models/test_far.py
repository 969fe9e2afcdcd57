"""Encoders beyond their window: rotary ones against transformers' own scaling, and what is refused."""

from __future__ import annotations

import pytest
import torch
from tests.embed.conftest import encoder, folder, ids, model, text

from longspan.core.errors import InputError
from longspan.models.encoding import Encoding
from longspan.models.method import Method

__all__ = ["encoder", "folder", "ids", "model", "text"]
BASE, WIDTH = 1000.0, 16
"""The frequency base and head width of the tiny rotary encoder."""


@pytest.mark.parametrize(
    ("method", "scaling"),
    [
        ("rope=pi:factor=8", {"rope_type": "linear", "factor": 8.0, "rope_theta": BASE}),
        ("rope=ntk_aware:factor=9", {"rope_type": "default", "rope_theta": BASE * 9 ** (WIDTH / (WIDTH - 2))}),
        ("positions=self_extend:group=1,window=9", {"rope_type": "default", "rope_theta": BASE}),
    ],
)
def test_a_rotary_encoder_equals_transformers_with_the_same_frequencies(encoder, model, text, ids, method, scaling):
    own = model("nomic", rope_parameters=scaling)
    with torch.inference_mode():
        mean = own(ids(text(500))).last_hidden_state[0].mean(0)
    found = encoder(f"embed=parallel:window=500 {method}", "nomic").encode([text(500)])[0]
    assert found == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "method", "answer"),
    [
        ("bert", "rope=pi:factor=2", "BertModel learned a table of 64 positions"),
        ("bert", "positions=self_extend", "leave rope= and positions= out"),
        ("bert", "embed=parallel:window=65", "cannot read 65 tokens at once .* it has 64 positions"),
        ("roberta", "embed=parallel:window=65", "it has 64 positions"),
        ("nomic", "embed=grouped", "NomicBertModel has rotary positions, no table for embed=grouped"),
        ("nomic", "embed=parallel:window=65", "trained on 64 tokens and shall read 65 at once"),
        ("modernbert", "rope=pi:factor=2", "cannot take over the attention of ModernBert"),
    ],
)
def test_what_an_encoder_cannot_do_is_refused(encoder, kind, method, answer):
    with pytest.raises(InputError, match=answer):
        encoder(method, kind).encode(["a b"])


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("positions=gali:window=40,local=13,chunk=4", "blends keys"),
        ("rope=entropy_abf", "scales queries by the tokens before them"),
    ],
)
def test_methods_that_need_an_order_are_refused(encoder, text, method, answer):
    with pytest.raises(InputError, match=answer):
        encoder(f"embed=parallel:window=500 {method}", "nomic").encode([text(500)])


def test_seams_of_the_model_and_of_the_encoder_do_not_mix():
    with pytest.raises(InputError, match=r"kv= belongs to --method; here are embed, rope, positions"):
        Encoding.parse("kv=snapkv")
    with pytest.raises(InputError, match=r"embed= belongs to --embed-method; here are rope, positions, pattern"):
        Method.parse("embed=grouped")


@pytest.mark.parametrize(
    "way", ["parallel:window=1", "interpolated:length=0", "grouped:length=0", "recurrent:length=0"]
)
def test_lengths_that_hold_no_text_are_refused(way):
    with pytest.raises(InputError, match="must be at least 8"):
        Encoding.parse(f"embed={way}")
