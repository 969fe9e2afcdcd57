import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack, noise
from longspan.evals.tasks.ada_leval.bestanswer import ANSWER, SHOWN, BestAnswer

SENTENCES = [f"Sentence number {number} speaks of thing {number * 7} at length." for number in range(600)]
TEXT = Haystack.of(" ".join(SENTENCES))


def made(length=2048, n=11, haystack=TEXT):
    return list(samples("best", BestAnswer(), length=length, n=n, seed=0, count=count, haystack=haystack))


def test_exactly_one_answer_goes_on_from_the_passage():
    text = " ".join(SENTENCES * 2)
    for sample in made():
        (shown,) = SHOWN.findall(sample.before)
        following = [f"A{number}" for number, answer in ANSWER.findall(sample.context) if f"{shown} {answer}" in text]
        assert following == list(sample.answers)


def test_answers_are_numbered_from_1_and_all_different():
    for sample in made():
        numbers, texts = zip(*ANSWER.findall(sample.context), strict=True)
        assert [int(number) for number in numbers] == list(range(1, sample.data["choices"] + 1))
        assert len(set(texts)) == len(texts)


def test_more_length_means_more_answers_and_the_same_question():
    short, long = made(1024, 1)[0], made(1024, 1)[0]
    assert short == long
    few, many = made(1024, 1)[0].data["choices"], made(8192, 1)[0].data["choices"]
    assert many > 7 * few > 14


def test_wrong_answers_are_those_around_the_passage():
    for sample in made(1024):
        numbers = [int(word) for word in sample.prompt.split() if word.isdigit()]
        (shown,) = SHOWN.findall(sample.before)
        start = int(shown.split()[2])
        stated = {int(text.split()[2]) for _, text in ANSWER.findall(sample.context) if text.startswith("Sentence")}
        assert numbers
        assert all(min((each - start) % 600, (start - each) % 600) < 60 for each in stated)


def test_the_right_answer_lies_at_its_depth():
    for index, sample in enumerate(made(8192)):
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.03
        ((first, last),) = sample.spans
        assert sample.context[first:last].startswith(f"{sample.answers[0]}: ")


def test_a_text_that_only_repeats_or_is_too_short_is_refused():
    with pytest.raises(InputError, match="do not all repeat"):
        made(haystack=Haystack("twice", noise().sentences * 2))
    with pytest.raises(InputError, match="at least 120 words"):
        made(haystack=Haystack.of("This is short. So is this."))


def test_a_text_that_runs_out_gives_all_it_has_and_no_answer_twice():
    for sample in made(100_000, n=2, haystack=Haystack.of(" ".join(SENTENCES[:100]))):
        texts = [text for _, text in ANSWER.findall(sample.context)]
        assert len(set(texts)) == len(texts) > 20
