import ast
import re

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack
from longspan.evals.tasks.film import KNOWN, KNOWN_TEXT, TASKS

NAMES = list(TASKS)


def made(name, length=2048, n=11, **more):
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count, **more))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_stands_in_one_place_of_the_context_and_that_lies_at_its_depth(name):
    for index, sample in enumerate(made(name)):
        (known,) = KNOWN_TEXT.findall(sample.after)
        ((first, last),) = sample.spans
        assert sample.context.count(known) == 1
        assert known in sample.context[first:last]
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.06


def test_eight_words_from_within_a_sentence_ask_for_both_sides_of_it():
    for sample in made("film/document"):
        (known,) = KNOWN_TEXT.findall(sample.after)
        before, after = sample.answers[0].split(known)
        assert len(known.split()) == KNOWN
        assert before.endswith(" ")
        assert after.startswith(" ")


def test_code_is_python_and_the_line_is_the_middle_one_of_three():
    for sample in made("film/code"):
        functions = [each for each in ast.parse(sample.context).body if isinstance(each, ast.FunctionDef)]
        assert len(functions) > 10
        (wanted,) = [each for each in functions if each.name == sample.answers[0]]
        assert len(wanted.body) == 3
        assert ast.unparse(wanted.body[1]) == ast.unparse(ast.parse(KNOWN_TEXT.findall(sample.after)[0]))


def test_an_entry_is_asked_by_its_number_and_known_by_its_name_or_description():
    for sample in made("film/database"):
        rows = [line.split(" | ") for line in sample.context.split("\n")]
        assert len({number for number, *_ in rows}) == len(rows) > 50
        assert sum(len(row) == 2 for row in rows) <= 1
        grade = TASKS["film/database"].rule.grade
        assert grade(sample.answers[0].lower(), sample) == grade(f"It is a {sample.answers[1]}.", sample) == 1
        assert grade("I do not know", sample) == 0


def test_half_of_a_sentence_is_half_a_score():
    (sample,) = made("film/document", n=1)
    words = list(dict.fromkeys(sample.answers[0].lower().split()))
    assert TASKS["film/document"].rule.grade(" ".join(words[: len(words) // 2]), sample) == pytest.approx(
        len(words) // 2 / len(words)
    )


def test_a_text_of_short_sentences_is_refused():
    with pytest.raises(InputError, match="sentences of 12 to 40 words"):
        made("film/document", haystack=Haystack.of("All is short. So is this."))


def test_a_document_line_is_never_cut_but_the_last():
    for sample in made(
        "film/document",
        haystack=Haystack.of(
            " ".join(
                ["A sentence with some words in it again."] * 9
                + [f"Now {'and '.join(['then '] * 14)}came number {n}." for n in range(9)]
            )
        ),
        n=2,
    ):
        lines = sample.context.split("\n")
        assert all(re.search(r"\.$", line) for line in lines[:-1])
