import ast
import re

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.code_run import HIGHEST, LOWEST, TASKS, CodeRun


def made(task, length=2048, n=6):
    return list(samples("code_run", task, length=length, n=n, seed=0, count=count))


def functions(sample):
    """Name to name called and number added, as Python itself reads them."""
    found = {}
    for function in ast.parse(sample.context).body:
        body = function.body[0].value
        called = body.left.func.id if isinstance(body.left, ast.Call) else ""
        found[function.name] = (called, body.right.value * (1 if isinstance(body.op, ast.Add) else -1))
    return found


@pytest.mark.parametrize("calls", [1, 2, 4, 10])
def test_the_answer_runs_through_as_many_functions_as_the_setting_says(calls):
    for sample in made(CodeRun(calls=calls)):
        code = functions(sample)
        ((name, x),) = re.findall(r"does (\w+)\((-?\d+)\)", sample.after)
        value, depth = int(x), 0
        while name:
            name, plus = code[name]
            value, depth = value + plus, depth + 1
        assert depth == calls
        assert sample.answers == (str(value),)


def test_functions_add_what_infinitebench_adds_and_call_only_what_is_there():
    added = [code for sample in made(TASKS["code_run"]) for code in functions(sample).items()]
    assert {plus for _, (_, plus) in added} == set(range(LOWEST, HIGHEST + 1))
    for sample in made(TASKS["code_run"]):
        code = functions(sample)
        assert all(called in code for called, _ in code.values() if called)


def test_each_span_is_a_function_of_the_chain_from_the_one_asked_for_on():
    for sample in made(TASKS["code_run"]):
        lines = [sample.context[first:last] for first, last in sample.spans]
        names = [re.findall(r"func_\d+", line) for line in lines]
        assert names[0][0] in sample.after
        assert [each[1] for each in names[:-1]] == [each[0] for each in names[1:]]
