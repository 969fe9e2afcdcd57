"""Figures from rows: what is effective, what is few, what the intervals hold."""

from dataclasses import replace

import pytest

from longspan.evals.comparison import compare
from longspan.evals.row import Row
from longspan.evals.summary import RELATIVE, THRESHOLD, by_ability, by_depth, by_task, costs, effective, overall

BASE = Row(
    sample="s",
    task="a",
    ability="retrieval",
    rule="r",
    index=0,
    length=1024,
    depth=None,
    group="",
    seed=0,
    model="m",
    digest="",
    method="",
    tokens=1000,
    score=1.0,
)


def rows(scores, *, length=1024, task="a", **more):
    return [
        replace(BASE, sample=f"{task}{length}{i}", index=i, length=length, task=task, score=score, **more)
        for i, score in enumerate(scores)
    ]


def test_a_model_that_holds_to_4k_and_then_drops_has_that_effective_length():
    made = [
        each
        for length, hits in ((1024, 40), (2048, 40), (4096, 39), (8192, 10))
        for each in rows([1.0] * hits + [0.0] * (40 - hits), length=length)
    ]
    absolute, relative = effective(made)
    assert (absolute.length, absolute.point, absolute.longest) == (4096, 4096, 8192)
    assert (absolute.threshold, relative.threshold) == (THRESHOLD, RELATIVE)
    assert absolute.low <= 4096 <= absolute.high < 8192
    assert relative.length == 4096


def test_effective_length_needs_the_lower_bound_and_not_only_the_score():
    made = rows([1.0] * 9 + [0.0]) + rows([1.0] * 9 + [0.0], length=2048)
    absolute, _ = effective(made)
    assert absolute.point == 2048
    assert absolute.length == 0


def test_a_dip_in_the_middle_ends_the_effective_length():
    made = rows([1.0] * 40) + rows([0.0] * 40, length=2048) + rows([1.0] * 40, length=4096)
    assert [each.length for each in effective(made)] == [1024, 1024]


def test_the_mean_of_tasks_weighs_tasks_alike_and_not_samples():
    made = rows([1.0] * 30) + rows([0.0] * 10, task="b")
    (cell,) = overall(made)
    assert cell.score == 0.5
    assert (cell.interval.low, cell.interval.high) == (0.5, 0.5)


def test_samples_of_one_document_widen_the_interval():
    scores = [1.0, 0.0] * 20
    apart = overall(rows([0.5 + each / 2 for each in scores]))[0].interval
    grouped = [replace(row, group=f"g{row.index % 4}") for row in rows([0.5 + each / 2 for each in scores])]
    together = overall(grouped)[0].interval
    assert together.high - together.low > apart.high - apart.low


def test_over_length_and_cut_samples_are_counted_and_few_are_marked():
    made = [*rows([1.0] * 9), *(replace(row, score=None, status="over") for row in rows([1] * 3, task="b"))]
    made[0] = replace(made[0], cut="left: 1 of 2 characters")
    a, b = by_task(made)
    assert (a.n, a.cut, a.few, b.n, b.over) == (9, 1, True, 0, 3)
    assert not by_task(rows([1.0] * 10))[0].few


def test_depths_fall_into_their_bins():
    made = [replace(row, depth=depth) for depth in (0.0, 0.52, 1.0) for row in rows([depth])]
    assert by_depth(made) == {(0, 1024): 0.0, (5, 1024): 0.52, (10, 1024): 1.0}


def test_abilities_gather_their_tasks():
    made = rows([1.0] * 2) + rows([0.0] * 2, task="b") + rows([1.0], task="c", ability="tracing")
    assert {cell.name: cell.score for cell in by_ability(made)} == {"retrieval": 0.5, "tracing": 1.0}


def test_costs_leave_out_what_was_not_sent():
    made = [replace(row, seconds=float(row.index), kv_bytes=10) for row in rows([1.0] * 3)]
    made.append(replace(BASE, index=9, status="over", score=None, seconds=99.0))
    (cost,) = costs(made)
    assert (cost.seconds, cost.kv_bytes, cost.tokens) == (1.0, 10, 1000)


def test_a_comparison_pairs_samples_and_names_what_nothing_beats():
    good, cheap = rows([1.0] * 20), rows([0.0] * 12 + [1.0] * 8, method="kv=cheap")
    made = [replace(row, seconds=2.0, kv_bytes=100) for row in good]
    made += [replace(row, seconds=1.0, kv_bytes=50) for row in cheap]
    made += [replace(row, seconds=3.0, kv_bytes=200, method="kv=bad") for row in rows([1.0] * 20)]
    first, second, third = compare(made, ["", "kv=cheap", "kv=bad"])
    assert second.difference == pytest.approx(-0.6)
    assert second.p == pytest.approx(2 * 2 / 2**12)
    assert third.p == 1
    assert [each.best for each in (first, second, third)] == [True, True, False]


def test_a_comparison_leaves_out_what_one_method_could_not_answer():
    made = rows([1.0] * 5) + rows([1.0] * 3, method="x")
    assert [each.n for each in compare(made, ["", "x"])] == [3, 3]
