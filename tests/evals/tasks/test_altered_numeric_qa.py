import re
from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack
from longspan.evals.tasks.altered_numeric_qa import GAP, TASKS, alter, replace

FACTS = "In spring the harbour of the town had 48 ships from abroad. In 1871 the old bridge fell into the river again. "
FILLER = "Nobody knew why the wind turned. On deck 48 sailors sang (model T-48, mark 3.48) of 1480 days. " * 3


def made(name, *, text=None, length=1024, n=11):
    haystack = Haystack.of(text) if text else None
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count, haystack=haystack))


@pytest.mark.parametrize("name", list(TASKS))
def test_the_number_is_changed_wherever_it_stands_and_only_there(name):
    for sample in made(name, text=FACTS + FILLER):
        original, (answer,) = sample.data["original"], sample.answers
        assert answer != original
        assert not re.search(rf"(?<!\d){original}(?!\d)", sample.prompt)
        assert "1480" in sample.context
        if original == "48":
            assert f"T-{answer}, mark 3.{answer}" in sample.context
            assert re.search(r"In 1871 the old bridge", sample.context)


@pytest.mark.parametrize("name", list(TASKS))
def test_one_sentence_alone_fits_the_gap(name):
    for sample in made(name):
        where = sample.before if name.endswith("asked_first") else sample.after
        (question,) = [line for line in where.splitlines() if GAP in line]
        fitting = re.findall(re.escape(question).replace(re.escape(GAP), r"(\d+)"), sample.context)
        assert fitting == [sample.answers[0]]
        assert sample.context[slice(*sample.spans[0])] == question.replace(GAP, sample.answers[0])


def test_the_sentence_lies_at_the_depth_asked_for_with_its_own_text_around_it():
    for index, sample in enumerate(made("altered_numeric_qa", length=4096)):
        assert sample.depth == pytest.approx(index * 7 % 11 / 10, abs=0.12)


def test_a_year_moves_by_ten_at_most_and_other_numbers_keep_their_digits():
    random = Random(0)
    years = {int(alter(random, "1871", avoid="")) - 1871 for _ in range(500)} - {0}
    assert (min(years), max(years)) == (-10, 10)
    assert {len(alter(random, "48", avoid="48")) for _ in range(200)} == {2}
    assert {len(alter(random, "1003", avoid="1003")) for _ in range(200)} == {4}
    assert "48" not in {alter(random, "48", avoid="the 48 ships and 49") for _ in range(500)}


def test_a_number_within_a_longer_one_stays():
    assert replace("48, 148, 480 and 4.48", "48", "51") == "51, 148, 480 and 4.51"


def test_a_text_of_one_sentence_is_asked_for_as_it_is():
    (sample,) = made("altered_numeric_qa", text="In spring the harbour of the town had 48 ships.", n=1)
    assert sample.context == f"In spring the harbour of the town had {sample.answers[0]} ships."


def test_a_text_without_a_number_is_refused():
    with pytest.raises(InputError, match="no sentence with a number"):
        made("altered_numeric_qa", text="There is no such thing in here at all.", n=1)
