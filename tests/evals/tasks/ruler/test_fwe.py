from collections import Counter
from math import pi

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.ruler.fwe import DOTS, TASKS, FrequentWords, zeta


def made(task, length=4096, n=3):
    return list(samples("fwe", task, length=length, n=n, seed=0, count=count))


def test_zeta_is_riemanns():
    assert zeta(2) == pytest.approx(pi**2 / 6, abs=1e-9)
    assert zeta(4) == pytest.approx(pi**4 / 90, abs=1e-9)
    assert zeta(1.5) == pytest.approx(2.612375348, abs=1e-8)


def test_words_are_as_frequent_as_the_paper_says_and_dots_stand_for_the_first():
    assert TASKS["ruler/fwe"] == FrequentWords(alpha=2.0)
    for sample in made(FrequentWords()):
        ranked = Counter(sample.context.split()).most_common()
        first = ranked[0][1]
        assert ranked[0][0] == DOTS
        assert tuple(word for word, _ in ranked[1:4]) == sample.answers
        for rank, (_, times) in enumerate(ranked[:6], 1):
            assert times == pytest.approx(first / rank**2, abs=1)


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0, 3.5])
def test_the_third_word_asked_for_is_never_as_frequent_as_the_next(alpha):
    for sample in made(FrequentWords(alpha=alpha), length=2048, n=5):
        times = [n for _, n in Counter(sample.context.split()).most_common(5)]
        assert times[3] > (times[4] if len(times) > 4 else 0)


def test_an_exponent_without_a_sum_is_refused():
    with pytest.raises(InputError, match=r"alpha is 1.*above 1"):
        FrequentWords(alpha=1)
