import re

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.longchat_lines import TASKS

FORMS = {
    "longchat_lines": r"[a-z]+-[a-z]+",
    "longchat_lines/numbers": r"\d+",
    "longchat_lines/shuffled": r"\d+",
    "longchat_lines/letters": r"[A-Z]{5}",
    "longchat_lines/uuids": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}


def made(name, length=2048, n=11):
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("name", list(TASKS))
def test_lines_have_different_names_of_their_form_and_registers_of_1_to_50000(name):
    for sample in made(name, n=3):
        lines = re.findall(r"line (\S+): .*<(\d+)>", sample.context)
        names = [each for each, _ in lines]
        assert len(lines) == sample.context.count("\n") + 1 == len(set(names))
        assert all(re.fullmatch(FORMS[name], each) for each in names)
        assert all(1 <= int(number) <= 50_000 for _, number in lines)


def test_numbers_run_from_1_on_and_shuffled_they_are_the_same_in_another_order():
    for sample in made("longchat_lines/numbers", n=3):
        names = [int(each) for each in re.findall(r"line (\d+):", sample.context)]
        assert names == list(range(1, len(names) + 1))
    for sample in made("longchat_lines/shuffled", n=3):
        names = [int(each) for each in re.findall(r"line (\d+):", sample.context)]
        assert sorted(names) == list(range(1, len(names) + 1)) != names


@pytest.mark.parametrize("name", list(TASKS))
def test_the_line_asked_for_lies_at_the_depth_asked_for(name):
    for index, sample in enumerate(made(name, length=4096)):
        line = sample.context[slice(*sample.spans[0])]
        assert line in sample.context.split("\n")
        assert line.endswith(f"<{sample.answers[0]}>")
        assert sample.depth == pytest.approx(index * 7 % 11 / 10, abs=0.03)


def test_a_reply_that_names_the_line_first_is_read_right():
    (sample,) = made("longchat_lines/numbers", n=1)
    grade = TASKS["longchat_lines/numbers"].rule.grade
    assert grade(f"Line 17 holds {sample.answers[0]}.", sample) == 1
    assert grade(f"<{sample.answers[0]}>\nline 18: its register holds <3>", sample) == 1
    assert grade("Line 17 holds <3>", sample) == 0
