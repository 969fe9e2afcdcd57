from itertools import permutations

import pytest

from longspan.evals.metrics.reorder import DISTANCES, OFFICIAL, OURS, greatest, places
from longspan.evals.task import Graded, Sample


def sample(*answers, group="one"):
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=1, group=group)


def test_distances_of_an_order_worked_by_hand():
    order = [1, 2, 0]  # places of the first, second and third event
    assert DISTANCES["lsd"](order) == (1 + 1 + 4) / 3
    assert DISTANCES["lmd"](order) == 4 / 3
    assert DISTANCES["sd"](order) == 2  # one cycle of three
    assert DISTANCES["sdd"](order) == 2
    assert all(distance([0, 1, 2]) == 0 for distance in DISTANCES.values())


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_the_greatest_distances_are_those_of_the_farthest_orders(n):
    for name, distance in DISTANCES.items():
        assert greatest(name, n) == pytest.approx(max(distance(order) for order in permutations(range(n))))


def test_replies_name_events_in_any_form():
    reference = ("II", "I", "III")
    assert places("II, I, III", reference) == [0, 1, 2]
    assert places("3 then 1 then 2", reference) == [2, 1, 0]
    assert places("II. Guadalupe\nI. Arcos\nII again\nIII. Carmona", reference) == [0, 1, 2]
    assert places("II, I", reference) is None
    assert places("", reference) is None


def test_the_official_number_is_the_same_for_every_reply_and_ours_is_not():
    of = sample("II", "I", "III")
    assert {OFFICIAL["lsd"].grade(reply, of) for reply in ("II,I,III", "III,I,II", "", "no idea")} == {8 / 3 / 100}
    assert OURS["lsd"].grade("II,I,III", of) == 1
    assert OURS["lsd"].grade("III,I,II", of) == 0
    assert OURS["lsd"].grade("I,II,III", of) == pytest.approx(1 - (2 / 3) / (8 / 3))
    assert OURS["lsd"].grade("no idea", of) == 0


def test_the_official_script_reads_the_first_record_only():
    graded = [Graded(sample(*"ABC"), "", 0.02), Graded(sample(*"AB", group="two"), "", 0.01)]
    assert OFFICIAL["lsd"].total(graded) == 0.02
    assert OFFICIAL["lsd"].total([]) == 0
