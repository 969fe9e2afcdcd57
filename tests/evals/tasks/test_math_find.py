from statistics import median

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.math_find import QUESTIONS, TASKS


def test_each_question_is_asked_in_turn_and_answered_as_its_words_say():
    made = list(samples("math_find", TASKS["math_find"], length=2048, n=14, seed=0, count=count))
    for index, sample in enumerate(made):
        numbers = [int(each) for each in sample.context.split(", ")]
        different = sorted(set(numbers))
        wanted = [
            different[-1],
            different[-2],
            different[-3],
            different[0],
            different[1],
            different[2],
            median(numbers),
        ]
        assert sample.answers == (str(wanted[index % 7]),)
        assert f"the {list(QUESTIONS)[index % 7]} " in sample.after


def test_a_fifth_of_the_values_never_occurs_so_that_the_largest_differs():
    made = list(samples("math_find", TASKS["math_find"], length=4096, n=60, seed=0, count=count))
    assert max(len(set(sample.context.split(", "))) for sample in made) == 80
    assert len({sample.answers for sample in made[::7]}) > 1
