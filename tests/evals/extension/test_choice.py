"""What is chosen, of numbers made up so that the answer is known; and what each method is blamed for."""

import math

import pytest

from longspan.evals.extension.choice import choose
from longspan.evals.extension.standing import standings
from longspan.evals.extension.trial import Trial

WINDOW, LENGTH, PIECES = 100, 200, 12
PLAIN = {50: 3.0, 100: 2.9, 200: 8.0}
GOOD = {50: 3.0, 100: 2.9, 200: 2.8}


def trials(method, losses, found=(True, False), **more):
    """Readings with a little noise that all methods share; `found` within and beyond the window."""
    made = []
    for length, loss in losses.items():
        for number in range(PIECES):
            noise = 0.1 * math.sin(7 * number)
            common = {"method": method, "length": length, "number": number, "depth": None}
            tokens = (1, 2, 3, 4) if loss < 7 else (1, 9, 9, 9)
            made.append(Trial(kind="text", loss=loss + noise, likeliest=tokens, right=False, **common, **more))
            right = found[length > WINDOW]
            made.append(
                Trial(kind="needle", loss=(0.3 if right else 2.0) + noise, likeliest=(5,), right=right, **common)
            )
    return made


def chosen(**methods):
    every = trials("", PLAIN)
    for method, (losses, found) in methods.items():
        every += trials(method, losses, found)
    found = standings(every, WINDOW)
    return choose(found, WINDOW, LENGTH), found


def test_the_method_that_is_surest_of_needles_is_chosen_and_of_equals_the_lower_perplexity():
    choice, _ = chosen(blind=({**GOOD, 200: 2.5}, (True, False)), finds=(GOOD, (True, True)))
    assert choice.method == "finds"
    assert "12 of 12 needles beyond the window (as trained 0)" in choice.why
    assert "+0.0 %" in choice.why
    choice, _ = chosen(one=(GOOD, (True, True)), two=({**GOOD, 200: 2.7}, (True, True)))
    assert choice.method == "two"
    assert choice.verdicts == {"one": "", "two": ""}


@pytest.mark.parametrize(
    ("losses", "found", "blamed"),
    [
        ({**GOOD, 50: 3.1, 100: 3.0}, (True, True), "perplexity within the window rises by 11 %"),
        ({**GOOD, 200: 3.4}, (True, True), "65 % above that of the model as trained which reads only the last 100"),
        (PLAIN, (True, False), "above that of the model"),
    ],
)
def test_what_does_harm_is_not_chosen_whatever_it_finds(losses, found, blamed):
    choice, _ = chosen(method=(losses, found))
    assert choice.method == ""
    assert choice.why.startswith("nothing helps at 200 tokens")
    assert blamed in choice.verdicts["method"]


def test_a_gain_that_chance_alone_gives_is_none():
    every = trials("", {**PLAIN, 200: 2.8}) + trials("same", {**GOOD, 200: 2.8})
    choice = choose(standings(every, WINDOW), WINDOW, LENGTH)
    assert "chance" in choice.verdicts["same"]


def test_fewer_needles_than_before_are_no_help():
    every = trials("", {**PLAIN, 200: 2.9}, (True, True)) + trials("blind", GOOD, (True, False))
    choice = choose(standings(every, WINDOW), WINDOW, LENGTH)
    assert choice.verdicts["blind"] == "it is less sure of needles beyond the window than the model as trained"


def test_a_method_that_could_not_be_run_says_so():
    every = trials("", PLAIN) + trials("broken", GOOD, (True, True), failure="layer 3 gave numbers that are none")
    assert "layer 3" in choose(standings(every, WINDOW), WINDOW, LENGTH).verdicts["broken"]


def test_cells_hold_perplexity_intervals_needles_and_agreement():
    _, found = chosen(good=(GOOD, (True, True)))
    plain, good = found
    assert plain.method == ""
    cell = good.at(200)
    noise = sum(0.1 * math.sin(7 * number) for number in range(PIECES)) / PIECES
    assert cell.perplexity == pytest.approx(math.exp(2.8 + noise))
    assert cell.interval.low < cell.perplexity < cell.interval.high
    assert (cell.found, cell.needles, cell.pieces) == (1.0, PIECES, PIECES)
    assert good.at(50).agreement == 1.0
    assert cell.agreement is None
    assert good.loss.difference == pytest.approx(2.8 - 8.0)
    assert good.loss.p == pytest.approx(2 / 2**PIECES)
    assert good.cut == pytest.approx(2.8 - 2.9)
    assert good.beyond(WINDOW)[:2] == (12, 12)
    assert good.beyond(WINDOW)[2] == cell.needle_loss == pytest.approx(0.3 + noise)
    assert good.needles.difference == pytest.approx(-1.7)


def test_p_values_are_corrected_for_the_number_of_methods():
    _, one = chosen(a=(GOOD, (True, True)))
    _, two = chosen(a=(GOOD, (True, True)), b=(GOOD, (True, True)))
    assert two[1].loss.p == pytest.approx(2 * one[1].loss.p)
    assert two[1].needles.p == pytest.approx(2 * one[1].needles.p)
