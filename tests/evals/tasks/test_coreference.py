import re

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.coreference import ASKED, TURN, Coreference, material


def made(task, length=4096, n=11):
    return list(samples("mrcr", task, length=length, n=n, seed=0, count=count))


def alike(sample):
    """The texts that were asked for in the words of the question."""
    ((_, _, what),) = ASKED.findall(sample.after)
    return [text for request, text in TURN.findall(sample.context) if request == f"Write a {what}."]


@pytest.mark.parametrize("needles", [2, 4, 8])
def test_so_many_different_texts_are_asked_for_alike_and_half_as_many_in_another_style(needles):
    for sample in made(Coreference(needles), n=3):
        ((_, _, what),) = ASKED.findall(sample.after)
        assert len(set(alike(sample))) == len(alike(sample)) == needles
        but_style = re.sub(r"[\w-]+ style$", "", what)
        near = [request for request, _ in TURN.findall(sample.context) if f" a {but_style}" in request]
        assert len(near) == needles + needles // 2


def test_the_wanted_text_lies_at_its_depth_and_is_the_one_counted_to():
    ordinals = set()
    for index, sample in enumerate(made(Coreference(4), 8192)):
        ((first, last),) = sample.spans
        ((code, ordinal, _),) = ASKED.findall(sample.after)
        assert sample.answers == (code + sample.context[first:last],)
        assert alike(sample).index(sample.context[first:last]) == ["first", "second", "third", "fourth"].index(ordinal)
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.08
        ordinals.add(ordinal)
    assert len(ordinals) > 2


def test_filler_never_has_a_topic_that_is_asked_for():
    assert not set(material()["topics"]) & set(material()["filler_topics"])


def test_repeating_any_of_the_texts_asked_for_alike_scores_little_more_than_chance():
    for needles, most in ((2, 0.58), (4, 0.36), (8, 0.26)):
        task = Coreference(needles)
        scores = [
            task.rule.grade(sample.answers[0][:12] + text, sample)
            for sample in made(task, n=6)
            for text in alike(sample)
        ]
        assert 1 / needles <= sum(scores) / len(scores) < most


def test_more_texts_than_there_are_ordinals_are_refused():
    with pytest.raises(InputError, match="1 to 8"):
        Coreference(9)
