import pytest

from longspan.evals.metrics.locomo import BY_CATEGORY, chosen, list_f1, normalize, token_f1
from longspan.evals.task import Sample


def grade(prediction, answer, category, **data):
    sample = Sample(
        task="locomo",
        id="i",
        before="",
        context="",
        after="",
        answers=(answer,),
        max_tokens=1,
        data={"category": category, **data},
    )
    return BY_CATEGORY.grade(prediction, sample)


def test_and_is_dropped_like_an_article():
    assert normalize("The cats, dogs AND a bird's nest!") == "cats dogs birds nest"


def test_f1_is_over_stems_and_counts_repeats():
    assert token_f1("She was painting sunsets", "paint a sunset") == pytest.approx(2 * (2 / 4) * (2 / 2) / (2 / 4 + 1))
    assert token_f1("run run", "running") == pytest.approx(2 * 0.5 * 1 / 1.5)
    assert token_f1("", "x") == token_f1("the", "a") == 0


def test_lists_take_the_best_part_for_each_of_the_reference():
    assert list_f1("Aerosmith, the Fireworks, Queen", "Fireworks, Aerosmith") == 1
    assert list_f1("Aerosmith", "Fireworks, Aerosmith") == 0.5


def test_each_category_has_its_rule():
    assert grade("yes", "Yes; because he enjoys crowds", 3) == 1
    assert grade("yes", "Yes; because he enjoys crowds", 4) == pytest.approx(2 * 1 * 0.2 / 1.2)
    assert grade("b, a", "a, b, c d", 1) == pytest.approx(1 / 3)  # "a" is an article, "b" is found, "c d" is not
    assert grade("May 1, 2023", "1 May 2023", 2) == 1
    assert grade("That is NOT MENTIONED anywhere", "x", 5) == 1
    assert grade("Aerosmith", "x", 5) == 0


def test_letters_of_adversarial_questions_stand_for_their_options():
    options = {"a": "Aerosmith", "b": "It is not mentioned in the conversation"}
    assert grade("(b)", "x", 5, options=options) == grade(" B ", "x", 5, options=options) == 1
    assert grade("(a)", "x", 5, options=options) == grade("a", "x", 5, options=options) == 0
    assert chosen("dog", options) == options["b"]  # the official code reads any three letters so
    assert grade("", "x", 5, options=options) == 0
