import itertools

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.metrics.longgenbench import requirements
from longspan.evals.tasks import longgenbench
from longspan.evals.tasks.longgenbench import PROBLEMS, SCENARIOS, TASKS, GoldenThread, ManyQuestions
from longspan.evals.tasks.templates import pattern


def made(task, length=8192, n=4):
    return list(samples("longgenbench", task, length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_requirements_are_single_in_a_range_and_periodic(scenario):
    for sample in made(GoldenThread(scenario)):
        at = {}
        for number, keyword in requirements(sample):
            at.setdefault(keyword, []).append(number)
        steps = [{after - before for before, after in itertools.pairwise(each)} for each in at.values()]
        assert sum(step == {1} for step in steps) == 1  # one range of neighbours
        assert sum(len(step) == 1 and 3 <= max(step) <= 7 for step in steps) == 1  # one period
        assert sum(step == set() for step in steps) == sample.data["number"] // 10
        assert max(map(max, at.values())) <= sample.data["number"]


def test_a_part_has_room_for_its_words_and_more_length_means_more_parts():
    short, long = (made(GoldenThread("floors"), length=length, n=1)[0] for length in (2048, 16384))
    for sample in (short, long):
        assert sample.max_tokens / sample.data["number"] == pytest.approx(160, rel=0.1)
        assert sample.max_tokens > 0.7 * sample.length
    assert long.data["number"] > 7 * short.data["number"]


def test_the_prompt_does_not_write_the_first_part():
    for task in (GoldenThread(scenario) for scenario in SCENARIOS):
        for sample in made(task):
            assert task.rule.grade("", sample) == 0
            assert sample.start == ""


def test_every_problem_fits_one_template_and_its_result_is_above_0():
    for text, formula in PROBLEMS:
        for a, b, c in ((20, 2, 12), (20, 9, 12), (99, 9, 2)):
            problem = text.format(name="Ada", item="stamps", a=a, b=b, c=c)
            assert [other for other, _ in PROBLEMS if pattern(other).fullmatch(problem)] == [text]
            assert longgenbench._result(problem) == formula(a, b, c) > 0


def test_worked_examples_of_the_problems():
    results = [formula(20, 3, 4) for _, formula in PROBLEMS]
    # 60-4, 20+12, 20*3*4, 20+23+16, 60+4, 20+40+12, 200-12, 20+60-4
    assert results == [56, 32, 240, 59, 64, 72, 188, 76]


def test_each_question_leaves_room_for_an_answer():
    for length in (1024, 8192):
        for sample in made(ManyQuestions(), length=length):
            assert sample.max_tokens // 96 == len(sample.answers)
            assert sample.context.count("\n") + 1 == len(sample.answers)


def test_a_problem_that_no_template_says_is_refused():
    with pytest.raises(ValueError, match="no template"):
        longgenbench._result("How many?")


def test_the_tasks_measure_what_their_names_say():
    assert {name.removeprefix("longgenbench/"): task.rule.name for name, task in TASKS.items()} == {
        "diary": "longspan.longgenbench_stic_2",
        "menu": "longspan.longgenbench_stic_2",
        "floors": "longspan.longgenbench_stic_2",
        "blocks": "longspan.longgenbench_stic_2",
        "diary_written": "longspan.longgenbench_stic_1",
        "diary_completed": "longgenbench.completion_rate",
        "questions": "longgenbench.last_number_in_order",
        "questions_by_number": "longspan.longgenbench_by_number",
    }
