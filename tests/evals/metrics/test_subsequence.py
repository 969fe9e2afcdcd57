import random

import pytest

from longspan.evals.metrics.subsequence import common, length, table, trace


def slow(one, other):
    """The table of lengths, cell by cell."""
    cells = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            cells[i][j] = cells[i - 1][j - 1] + 1 if a == b else max(cells[i - 1][j], cells[i][j - 1])
    return cells


@pytest.mark.parametrize("seed", range(20))
def test_every_cell_is_the_length_that_the_recurrence_gives(seed):
    rng = random.Random(seed)
    one, other = ([rng.choice("abcd") for _ in range(rng.randint(0, 70))] for _ in range(2))
    cells, rows = slow(one, other), table(one, other)
    assert [[length(rows, i, j) for j in range(len(other) + 1)] for i in range(len(one) + 1)] == cells
    assert common(one, other) == cells[-1][-1]


@pytest.mark.parametrize("ties", ["one", "other"])
@pytest.mark.parametrize("seed", range(10))
def test_a_trace_is_a_longest_subsequence_of_both(seed, ties):
    rng = random.Random(seed)
    one, other = ([rng.choice("abc") for _ in range(rng.randint(1, 50))] for _ in range(2))
    found = [at for at in trace(one, other, ties=ties) if at is not None][::-1]
    assert found == sorted(set(found))
    assert len(found) == common(one, other)
    rest = iter(other)
    assert all(one[at] in rest for at in found)


def test_ties_choose_among_subsequences():
    assert [at for at in trace("ab", "ba", ties="one") if at is not None] == [0]
    assert [at for at in trace("ab", "ba", ties="other") if at is not None] == [1]


def test_nothing_is_common_with_nothing():
    assert common("", "abc") == common("abc", "") == 0
    assert list(trace("", "abc", ties="one")) == []
