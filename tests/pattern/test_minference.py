"""MInference fills each head's pattern in from the last queries, as its recipe says."""

from __future__ import annotations

import json

import pytest
import torch
from tests.pattern.attention import (
    attended,
    count,
    kept,
    pairs,
    planted,
    planted_block,
    random,
    read_most,
    recall,
    wanted,
    weights,
)
from tests.position.runs import CLOSE, model, read, text

from longspan.core.errors import InputError
from longspan.pattern.dense import Dense
from longspan.pattern.minference import MInference
from longspan.pattern.recipe import load

FORCED = {"last": 8, "sinks": 2, "near": 2}


def best(scores, number, forced):
    """Indices of the highest scores, the first ones before all."""
    return set(sorted(range(len(scores)), key=lambda j: (j >= forced, -float(scores[j])))[:number])


def chosen(q_TD, k_SD, plan, tile, grain):
    """The tiles of one head by loops over tokens."""
    (kind, first, second), T, S = plan, len(q_TD), len(k_SD)
    dense = weights(q_TD[None, None], k_SD[None, None])[0, 0]
    columns, diagonals = [0.0] * S, [0.0] * S
    for t in range(max(0, T - FORCED["last"]), T):
        for j in range(S - T + t + 1):
            columns[j] += float(dense[t, j])
            diagonals[S - T + t - j] += float(dense[t, j])
    of_columns = best(columns, max(first, FORCED["sinks"]), FORCED["sinks"])
    of_diagonals = best(diagonals, second, FORCED["near"])
    keep = []
    for begin in range((S - T) // tile * tile, S, tile):
        rows = range(begin, begin + tile)
        mean = q_TD[[i - (S - T) for i in rows if S - T <= i < S]].mean(0)
        means = {s: float(mean @ k_SD[s * tile : (s + 1) * tile].mean(0)) for s in range(begin // tile + 1)}
        blocks = sorted(means, key=lambda s: -means[s])[:first]
        row = []
        for start in range(0, S, grain):
            keys = range(start, start + grain)
            if kind == "vertical_and_slash":
                row.append(any(j in of_columns for j in keys) or any(i - j in of_diagonals for i in rows for j in keys))
            elif kind == "stream_llm":
                row.append(any(j < first or begin - second < j <= begin for j in keys))
            else:
                row.append(start // tile in blocks)
        keep.append(row)
    return read_most(torch.tensor(keep), tile, grain, T, S)


def recipe(path, *layers):
    path.write_text(json.dumps([{str(h): [*plan, 0.5] for h, plan in layer.items()} for layer in layers]))
    return str(path)


@pytest.mark.parametrize(("T", "S"), [(63, 63), (23, 63), (30, 61), (3, 40)])
@pytest.mark.parametrize(("vertical", "slash", "tile", "grain"), [(3, 3, 4, 4), (1, 5, 8, 2), (5, 0, 4, 1)])
def test_columns_and_diagonals_equal_loops_over_tokens(vertical, slash, tile, grain, T, S):
    q, k, v = random(T, S)
    plan = ("vertical_and_slash", vertical, slash)
    keep = torch.stack([chosen(q[0, h], k[0, h // 2], plan, tile, grain) for h in range(4)])[None]
    mask, pattern = pairs(keep, tile, grain, T, S), MInference(vertical, slash, tile=tile, grain=grain, **FORCED)
    assert not bool(mask[..., -1, :].all())
    assert torch.equal(kept(pattern, q, k), mask)
    torch.testing.assert_close(attended(pattern, q, k, v), wanted(q, k, v, mask), **CLOSE)


PLANS = {0: ("stream_llm", 3, 9), 1: ("block_sparse", 3, 1), 2: ("vertical_and_slash", 2, 4)}


@pytest.mark.parametrize(("T", "S"), [(63, 63), (23, 63)])
def test_each_head_follows_its_recipe(tmp_path, T, S):
    q, k, v = random(T, S)
    pattern = MInference(5, 3, recipe(tmp_path / "r.json", {}, PLANS), tile=8, grain=4, **FORCED)
    for index, plans in enumerate(({}, PLANS, {})):
        each = [plans.get(h, ("vertical_and_slash", 5, 3)) for h in range(4)]
        keep = torch.stack([chosen(q[0, h], k[0, h // 2], each[h], 8, 4) for h in range(4)])[None]
        assert torch.equal(kept(pattern, q, k, index=index), pairs(keep, 8, 4, T, S))
        got = attended(pattern, q, k, v, index=index)
        torch.testing.assert_close(got, wanted(q, k, v, pairs(keep, 8, 4, T, S)), **CLOSE)


def test_a_part_of_the_heads_follows_its_own_part_of_the_recipe(tmp_path):
    q, k, _ = random(63, 63)
    pattern = MInference(5, 3, recipe(tmp_path / "r.json", PLANS), tile=8, grain=4, **FORCED)
    assert torch.equal(kept(pattern, q[:, 2:], k[:, 1:], kv_head=1), kept(pattern, q, k)[:, 2:])


def test_a_session_reads_with_a_recipe(tmp_path):
    own, rows = model(), [text(63), text(40, seed=1)]
    pattern = MInference(2, 3, recipe(tmp_path / "r.json", PLANS, PLANS), tile=8, grain=4, **FORCED)
    together = read(own, rows, reply=2, pattern=pattern)
    for row, got in zip(rows, together, strict=True):
        torch.testing.assert_close(got[None], read(own, [row], reply=2, pattern=pattern), **CLOSE)
    assert not torch.allclose(together, read(own, rows, reply=2, pattern=Dense()), atol=1e-3)


@pytest.mark.parametrize("place", [{"column": 37}, {"distance": 90}])
def test_a_planted_line_is_found(place):
    q, k = planted(256, strength=8, **place)
    marked = kept(MInference(4, 4, tile=8, grain=4, **FORCED), q, k)[0]
    rows = range(128, 256)
    want = [place["column"] if "column" in place else i - place["distance"] for i in rows]
    assert bool(marked[:, list(rows), want].all())
    assert float(marked[:, 128:].float().mean()) < 0.4


def test_a_planted_tile_is_found_by_means(tmp_path):
    q, k = planted_block(256, slice(160, 168), slice(64, 72))
    plans = dict.fromkeys(range(4), ("block_sparse", 2, 1))
    marked = kept(MInference(recipe=recipe(tmp_path / "r.json", plans), tile=8, grain=8), q, k)[0]
    assert bool(marked[:, 160:168, 64:72].all())


def test_recall_grows_with_the_budget():
    q, k, _ = random(256, 256)
    budgets = ((1, 2), (4, 2), (4, 8), (16, 16), (40, 60), (256, 256))
    got = [recall(MInference(v, s, tile=8, grain=4, **FORCED), 2 * q, k) for v, s in budgets]
    assert got == sorted(got)
    assert got[0] < 0.5
    assert got[-1] == pytest.approx(1)


def test_work_is_skipped_and_as_much_as_promised(monkeypatch):
    q, k, v = random(1000, 1000)
    pattern = MInference(8, 8, tile=16, grain=4, **FORCED)
    sparse, dense = (
        count(monkeypatch, lambda pattern=pattern: attended(pattern, q, k, v)) for pattern in (pattern, Dense())
    )
    assert sparse <= 4 * 1000 * (8 * 4 + 8 * (16 + 4) + 16 + 70)
    assert sparse < dense / 4


def test_layers_before_the_first_are_dense():
    q, k, _ = random(63, 63)
    pattern = MInference(2, 2, layer=2, tile=8, grain=4, **FORCED)
    assert [bool(kept(pattern, q, k, index=i)[0, 0, -1].all()) for i in range(4)] == [True, True, False, False]


def test_a_recipe_that_changes_is_read_anew(tmp_path):
    path = tmp_path / "r.json"
    recipe(path, PLANS)
    assert load(str(path))[0][0][:3] == PLANS[0]
    recipe(path, {0: ("block_sparse", 77, 1)})
    assert load(str(path))[0][0][:3] == ("block_sparse", 77, 1)


@pytest.mark.parametrize(
    "words", ["[", "7", '[["a"]]', '[{"0": ["odd", 1, 2, 3]}]', '[{"0": ["stream_llm", -1, 2, 3]}]', '[{"x": []}]']
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, words):
    (tmp_path / "r.json").write_text(words)
    with pytest.raises(InputError, match="is not a JSON list"):
        MInference(recipe=str(tmp_path / "r.json"))


def test_a_recipe_that_is_missing_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        MInference(recipe=str(tmp_path / "none.json"))


@pytest.mark.parametrize("settings", [{"vertical": -1}, {"last": 0}, {"tile": 64, "grain": 48}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least"):
        MInference(**settings)
