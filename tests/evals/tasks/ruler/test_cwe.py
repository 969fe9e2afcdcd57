import re
from collections import Counter

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.ruler.cwe import PLAIN, TASKS, CommonWords


def made(length, n=3):
    return list(samples("cwe", TASKS["ruler/cwe"], length=length, n=n, seed=0, count=count))


def counted(text):
    return Counter(re.findall(r"\d+\. (\S+)", text))


def test_the_task_has_the_papers_settings():
    assert TASKS["ruler/cwe"] == CommonWords(common=10, often=30, seldom=3)


@pytest.mark.parametrize(("length", "often", "seldom", "shown"), [(2048, 6, 1, 40), (8192, 30, 3, 190)])
def test_common_and_other_words_occur_as_often_as_in_the_paper_and_less_below_4096(length, often, seldom, shown):
    for sample in made(length):
        words = counted(sample.context)
        assert {words[word] for word in sample.answers} == {often}
        assert {n for word, n in words.items() if word not in sample.answers} == {seldom}
        example = counted(sample.before.partition("Question:")[0])
        assert example.total() == shown
        assert not set(example) & set(words)


def test_entries_are_numbered_from_1_on():
    for sample in made(1024):
        numbers = [int(found) for found in re.findall(r"(\d+)\. ", sample.context)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_list_never_runs_out_of_words():
    (sample,) = made(131_072, n=1)
    assert len(counted(sample.context)) > PLAIN
    assert any("-" in word for word in counted(sample.context))
