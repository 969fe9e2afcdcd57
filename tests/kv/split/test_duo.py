"""Some heads keep everything, the others their sinks and what is recent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longspan.core.errors import InputError
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.kv.split.duo import Duo

SLOT = 2 * 8 * 4 + 8
GATES = "0.9\t-0.1\t0.2\t1.5\n0.0\t0.3\t0.8\t0.1\n"
"""Of two layers of four heads, one gate below and one above the range."""


@pytest.fixture
def heads(tmp_path):
    def plant(gates=GATES):
        (tmp_path / "full_attention_heads.tsv").write_text(gates)
        return str(tmp_path / "full_attention_heads.tsv")

    return plant


def layer_of(text, index):
    return replace(text.page.layer, index=index, depth=2)


@pytest.mark.parametrize(
    ("sparsity", "whole"), [(0.0, [[0, 1, 2, 3]] * 2), (0.5, [[0, 3], [1, 2]]), (0.75, [[0, 3], []]), (1.0, [[], []])]
)
def test_the_heads_of_the_highest_gates_keep_every_token(tape, kept_of, heads, sparsity, whole):
    text = tape(300, pads=(0, 290), kv_heads=4)
    policy = Eviction(StreamingLLM(sinks=4), 20, Duo(heads(), sparsity), chunks=True, every=1)
    for index in range(2):
        store = policy.open(layer_of(text, index))
        text.prompt(store, 290, 32)
        for t in range(290, 300):
            text.play(store, t, t + 1, "token")
        streams = [*range(4), *range(284, 300)]
        kept = kept_of(store, 2, 4)
        assert kept == {
            (b, g): list(range(10)) if b else list(range(300)) if g in whole[index] else streams
            for b in range(2)
            for g in range(4)
        }


def test_bytes_fall_by_what_streaming_heads_give_up(tape, heads):
    text, sizes = tape(1000, kv_heads=4), {}
    for sparsity in (0.0, 0.5):
        store = Eviction(StreamingLLM(sinks=4), 20, Duo(heads(), sparsity)).open(layer_of(text, 0))
        text.prompt(store, 1000, 1000)
        sizes[sparsity] = store.nbytes()
    assert sizes[0.0] == 4 * 1000 * SLOT - 3 * 1000 * 8
    assert sizes[0.5] == 2 * (1000 + 20) * SLOT


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ("1\t0\n0\t1\n", r"gates for 2 layers of \[2\] heads, the model has 2 layers of 4"),
        ("1\t0\t1\t0\n", r"gates for 1 layers"),
        ("1\t0\t1\t0\n1\t0\n", r"layers of \[2, 4\] heads"),
        ("a\tb\n", "not a table of gates"),
        ("é", "not a table of gates"),
    ],
)
def test_gates_that_do_not_fit_are_refused_before_anything_is_read(tape, heads, gates, message):
    with pytest.raises(InputError, match=message):
        Eviction(StreamingLLM(), 20, Duo(heads(gates))).open(layer_of(tape(1, kv_heads=4), 0))


def test_settings_that_make_no_sense_are_refused(tmp_path, heads):
    with pytest.raises(InputError, match="there is no file"):
        Duo(str(tmp_path / "missing.tsv"))
    with pytest.raises(InputError, match=r"sparsity is 1.5; it is a share"):
        Duo(heads(), 1.5)
