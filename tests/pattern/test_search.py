"""The search gives each head the pattern that covers most of its attention at the cost of an A-shape."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import kept, planted, planted_block, random, recall, weights
from tests.position.runs import model, read, text

from longspan.core.errors import InputError
from longspan.pattern.dense import Dense
from longspan.pattern.grid import Grid
from longspan.pattern.heads import Heads
from longspan.pattern.minference import MInference
from longspan.pattern.recipe import load
from longspan.pattern.search import CANDIDATES, Search, search

TARGET = (64, 64)


def grid(S):
    return Grid(S, S, 8, 4)


def cost(own, heads, plan, head, H=4):
    kept_ts = heads.keep(plan.kind, [plan.first] * H, [plan.second] * H).expand(1, H, -1, -1)[0, head]
    return int((kept_ts & own.before_ts).sum())


@pytest.mark.parametrize("seed", range(2))
def test_no_plan_costs_more_than_the_target_and_one_step_more_would(seed):
    q, k, _ = random(512, 512, seed=seed)
    own = grid(512)
    heads, target = Heads(own, q, k), int((own.near(*TARGET) & own.before_ts).sum())
    for head, plan in enumerate(search(own, q, k, TARGET)):
        assert 0.8 * target < cost(own, heads, plan, head) <= target


def test_the_score_is_the_attention_covered():
    q, k, _ = random(512, 512)
    own = grid(512)
    heads, dense = Heads(own, q, k), weights(q, k)[0]
    for head, plan in enumerate(search(own, q, k, TARGET)):
        keep = heads.keep(plan.kind, [plan.first] * 4, [plan.second] * 4).expand(1, 4, -1, -1)[0, head] | ~own.before_ts
        pairs = keep.repeat_interleave(8, 0).repeat_interleave(4, 1)
        assert float((dense[head] * pairs).sum(-1).mean()) == pytest.approx(plan.score, abs=1e-4)


def lines_and_blocks():
    """Two heads that attend to scattered tokens, two whose queries in the middle attend to one tile."""
    column = planted(512, column=list(range(40, 220, 9)), strength=8)
    block = planted_block(512, slice(160, 416), slice(104, 112))
    q = torch.cat([column[0][:, :2], 4 * block[0][:, :2]], 1)
    return q, torch.cat([column[1][:, :1], block[1][:, :1]], 1)


def test_a_head_gets_the_kind_that_its_attention_has():
    plans = search(grid(512), *lines_and_blocks(), TARGET)
    assert plans[0].kind == plans[1].kind == "vertical_and_slash"
    assert plans[2].kind == plans[3].kind == "block_sparse"


def test_the_best_of_all_candidates_is_taken():
    q, k, _ = random(512, 512)
    together = search(grid(512), q, k, TARGET)
    assert {plan.kind for plan in together} <= {kind for kind, *_ in CANDIDATES}
    assert all(plan.score > 64 / 512 for plan in together)


def test_a_session_searches_and_reads_with_what_was_found(tmp_path):
    own, row, path = model(), text(500), str(tmp_path / "recipe.json")
    found = Search(sinks=32, local=64, tile=8, grain=4)
    got = read(own, [row], reply=1, pattern=found)
    torch.testing.assert_close(got, read(own, [row], reply=1, pattern=Dense()))
    found.save(path)
    layers = load(path)
    assert [sorted(layer) for layer in layers] == [list(range(8))] * 2
    assert [list(layer.values()) for layer in layers] == found.recipe()
    read(own, [row], reply=1, pattern=MInference(recipe=path, tile=8, grain=4))


def test_a_recipe_covers_more_than_one_plan_for_all(tmp_path):
    q, k = lines_and_blocks()
    found = Search(sinks=64, local=64, tile=8, grain=4)
    kept(found, q, k)
    found.save(str(tmp_path / "r.json"))
    adapted = recall(MInference(recipe=str(tmp_path / "r.json"), tile=8, grain=4), q, k)
    ((first, second),) = {plan[1:3] for plan in found.recipe()[0][:1]}
    assert adapted > recall(MInference(first, second, tile=8, grain=4), q, k)


@pytest.mark.parametrize(("rows", "chunk"), [(2, 512), (1, 20)])
def test_more_rows_or_chunks_are_refused(rows, chunk):
    with pytest.raises(InputError, match="one row in one chunk"):
        read(model(), [text(63, seed=seed) for seed in range(rows)], reply=0, chunk=chunk, pattern=Search())
