import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.needlebench.multi import Multi


def test_a_different_fact_with_a_keyword_of_its_own_lies_at_every_tenth_of_the_text():
    for code in ("en", "zh"):
        for sample in samples("multi", Multi(code), length=8192, n=3, seed=0, count=count):
            assert len(set(sample.answers)) == len(sample.spans) == 11
            for index, ((first, last), answer) in enumerate(zip(sample.spans, sample.answers, strict=True)):
                assert abs(first / len(sample.context) - index / 10) < 0.04
                assert answer in sample.context[first:last]


def test_the_questions_come_in_another_order_than_the_facts():
    (sample,) = samples("multi", Multi(), length=4096, n=1, seed=0, count=count)
    assert sorted(Multi().solve(sample).split("\n")) == sorted(sample.answers)
    numbered = [line.partition(". ")[2] for line in sample.after.splitlines() if line[:1].isdigit()]
    facts = [sample.context[first:last] for first, last in sample.spans]
    shared = [max(range(11), key=lambda i: len(set(line.split()) & set(facts[i].split()))) for line in numbered]
    assert sorted(shared) == list(range(11)) != shared


def test_more_needles_than_facts_are_refused():
    with pytest.raises(InputError, match="1 to 40"):
        Multi("zh", needles=41)
