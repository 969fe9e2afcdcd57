"""Locret with planted heads against its loop over chunks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.kv.evict.locret import Locret
from longspan.kv.eviction import Eviction

BUDGET, STABILIZERS, LOCAL, CHUNK = 24, 10, 5, 16


@pytest.fixture
def heads(tmp_path):
    def plant(num_heads=4, num_kv_heads=2, dim=8, layers=1, **changes):
        generator, tensors = torch.Generator().manual_seed(1), {}
        for index in range(layers):
            name = f"model.layers.{index}.self_attn"
            features = (num_heads + 2 * num_kv_heads) * dim
            tensors[f"{name}.fc1.weight"] = torch.randn(12, features, generator=generator)
            tensors[f"{name}.fc2.weight"] = torch.randn(num_kv_heads, 12, generator=generator)
        save_file({**tensors, **changes}, tmp_path / "heads.safetensors")
        return str(tmp_path / "heads.safetensors"), tensors

    return plant


def worth(text, tensors, row):
    """What each token of a row is worth to each head, one token after another."""
    inner, outer = tensors["model.layers.0.self_attn.fc1.weight"], tensors["model.layers.0.self_attn.fc2.weight"]
    pad = int((text.pos_BT[row] < 0).sum())
    scores = []
    for t in range(pad, text.pos_BT.shape[1]):
        pos = torch.full((1, 1, 1), float(pad - t))
        q, k = (
            rotate(x[row : row + 1, :, t : t + 1], pos, text.page.layer.rotation) for x in (text.q_BHTD, text.k_BGTD)
        )
        features = torch.cat([q.flatten(), k.flatten(), text.v_BGTD[row, :, t].flatten()])
        hidden = inner @ features
        scores.append(outer @ (hidden * torch.sigmoid(hidden)))
    return torch.stack(scores, 1)


def naive(scores_S, pad, length):
    """The kept positions of a head: after each chunk the best of those kept so far and of the chunk."""
    kept = []
    for start in range(0, length, CHUNK):
        end = min(start + CHUNK, length)
        kept += range(max(0, start - pad), max(0, end - pad))
        last = LOCAL if end == length else STABILIZERS
        if len(kept) > BUDGET:
            best = sorted(kept[:-last], key=lambda s: -float(scores_S[s]))[: BUDGET - last]
            kept = [*sorted(best), *kept[-last:]]
    return kept


@pytest.mark.parametrize(("num_heads", "num_kv_heads"), [(4, 2), (4, 1), (2, 2)])
def test_each_chunk_leaves_the_tokens_that_the_head_likes_best(tape, kept_of, heads, num_heads, num_kv_heads):
    path, tensors = heads(num_heads, num_kv_heads)
    text = tape(75, pads=(0, 20, 40), heads=num_heads, kv_heads=num_kv_heads)
    store = Eviction(Locret(path, STABILIZERS, LOCAL), BUDGET, chunks=True).open(text.page.layer)
    text.prompt(store, 75, CHUNK)
    scores = [worth(text, tensors, row) for row in range(3)]
    pads = [0, 20, 40]
    want = {(b, g): naive(scores[b][g], pads[b], 75) for b in range(3) for g in range(num_kv_heads)}
    assert kept_of(store, 3, num_kv_heads) == want


def test_what_is_rolled_back_and_read_anew_is_judged_anew(tape, kept_of, heads):
    path, _ = heads()
    kept = []
    for detour in (False, True):
        text = tape(80)
        store = Eviction(Locret(path, STABILIZERS, LOCAL), 40).open(text.page.layer)
        text.prompt(store, 30, 30)
        if detour:
            other = tape(80, seed=1)
            other.play(store, 30, 38, "prompt_end")
            store.truncate(torch.tensor([20]))
            text.play(store, 20, 30, "prompt_end")
        text.play(store, 30, 80, "prompt_end")
        kept.append(kept_of(store, 1, 2))
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        ({"num_heads": 8}, r"layer 0 is \[12, 96\] and \[2, 12\], but this model needs \[12, 64\] and \[2, 12\]"),
        ({"num_kv_heads": 1, "num_heads": 6}, r"needs \[12, 64\] and \[2, 12\]"),
        ({"layers": 0, "other": torch.zeros(1)}, r"has no model.layers.0.self_attn.fc1.weight"),
    ],
)
def test_heads_that_do_not_fit_are_refused_before_anything_is_read(tape, heads, plant, message):
    path, _ = heads(**plant)
    with pytest.raises(InputError, match=message):
        Eviction(Locret(path, STABILIZERS, LOCAL), BUDGET).open(tape(1).page.layer)


def test_each_layer_has_a_head_of_its_own(tape, kept_of, heads):
    path, _ = heads(layers=2)
    text, kept = tape(60), []
    for index in range(2):
        store = Eviction(Locret(path, STABILIZERS, LOCAL), BUDGET).open(replace(text.page.layer, index=index, depth=2))
        text.prompt(store, 60, 60)
        kept.append(kept_of(store, 1, 2))
    assert kept[0] != kept[1]


def test_files_and_settings_that_make_no_sense_are_refused(tape, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        Locret(str(tmp_path / "missing"))
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match="not a file of retaining heads in safetensors format"):
        Eviction(Locret(str(broken), 1, 1), 9).open(tape(1).page.layer)
    with pytest.raises(InputError, match="stabilizers=-1"):
        Locret(str(broken), -1)
    with pytest.raises(InputError, match="Locret always keeps 2500"):
        Eviction(Locret(str(broken)))
