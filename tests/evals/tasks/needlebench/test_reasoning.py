from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.needlebench.kinship import read
from longspan.evals.tasks.needlebench.language import language
from longspan.evals.tasks.needlebench.reasoning import TASKS, Reasoning


def made(task, n=11):
    return list(samples("reasoning", task, length=8192, n=n, seed=0, count=count))


def test_the_forms_have_two_to_five_needles_in_both_languages():
    assert sorted((task.language, task.needles) for task in TASKS.values()) == [
        (code, n) for code in ("en", "zh") for n in (2, 3, 4, 5)
    ]
    for task in TASKS.values():
        (sample,) = made(task, 1)
        assert len(read(language(task.language), sample.context)) == task.needles


def test_needles_lie_a_tenth_apart_from_the_depth_on_until_the_end():
    for index, sample in enumerate(made(Reasoning("en", 4))):
        depth = index * 7 % 11 / 10
        for number, (first, _) in enumerate(sample.spans):
            assert abs(first / len(sample.context) - min(1, depth + number / 10)) < 0.05


def test_the_answer_is_in_no_more_than_one_needle_and_the_asked_person_too():
    for sample in made(Reasoning("en", 5), 5):
        needles = [sample.context[first:last] for first, last in sample.spans]
        assert sum(sample.answers[0] in needle for needle in needles) == 1
