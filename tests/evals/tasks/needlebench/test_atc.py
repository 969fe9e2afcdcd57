from itertools import pairwise

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.needlebench.atc import TASKS, AncestralTrace
from longspan.evals.tasks.needlebench.kinship import read
from longspan.evals.tasks.needlebench.language import language


def made(task, length=4096, n=3):
    return list(samples("atc", task, length=length, n=n, seed=0, count=count))


def test_four_questions_are_asked_in_both_languages():
    assert len({(task.language, task.question) for task in TASKS.values()}) == len(TASKS) == 8


@pytest.mark.parametrize("needles", [2, 4, 8, 16, 32, 512])
def test_a_number_of_needles_may_be_set_and_all_belong_to_one_chain(needles):
    for code in ("en", "zh"):
        (sample,) = made(AncestralTrace(code, needles=needles), 32_768, 1)
        links = read(language(code), sample.context)
        assert len(links) == needles
        assert len({link.elder for link in links} - {link.younger for link in links}) == 1


def test_needles_that_do_not_fit_are_refused_with_the_numbers():
    with pytest.raises(InputError, match=r"512 needles of atc take [\d,]+ tokens: 4,096 are too few"):
        made(AncestralTrace(needles=512))


def test_sentences_are_shuffled():
    (sample,) = made(AncestralTrace(), n=1)
    links = read(language("en"), sample.context)
    follows = sum(a.elder == b.younger or a.younger == b.elder for a, b in pairwise(links))
    assert len(links) > 50
    assert follows < 10


def test_the_distance_is_the_sum_of_generations_told():
    (sample,) = made(AncestralTrace(question="distance"), n=1)
    assert sample.answers[0] == str(sum(link.generations for link in read(language("en"), sample.context)))
