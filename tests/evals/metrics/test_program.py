import pytest

from longspan.evals.metrics.program import LARGEST, Refused, fenced, program_output, run
from longspan.evals.task import Sample


def sample(given, printed):
    data = {"given": given, "printed": printed, "steps": 1000}
    return Sample(task="t", id="0", before="", context="", after="", answers=("",), max_tokens=9, data=data)


@pytest.mark.parametrize(
    "code",
    [
        "print(a)\nprint(-a + b * 3 - 7 // 2 % 2)",
        "for i in range(2, a):\n    if i % 2 == 0:\n        b += i\n    else:\n        b -= 1\nprint(b)",
        "while a > 0:\n    a -= 3\n    print(a)\nprint(a != b)",
        "c = (a - b) % 7\nfor _ in range(c):\n    pass\nprint(c)\nprint(a <= b)\nprint(a >= b)\nprint(a < b)",
    ],
)
def test_a_program_prints_what_python_prints(code):
    printed = []
    exec(code, {"a": 11, "b": 4, "print": lambda value: printed.append(int(value)), "range": range})
    assert run(code, {"a": 11, "b": 4}, 1000) == printed


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "__import__('os').system('true')",
        "print(open)",
        "print(a.real)",
        "print([1][0])",
        "a, b = 1, 2",
        "print('x')",
        "print(True)",
        "print(1.5)",
        "print(2 ** 99)",
        "print(1 / 2)",
        "print(1 % 0)",
        "print(nothing)",
        "print(1, 2)",
        "def f():\n    pass",
        "while 1:\n    pass",
        "for i in range(10 ** 9):\n    pass",
        "for i in range(1000000000000):\n    pass",
        "for i in a:\n    pass",
        "x = 3 +",
        "(" * 150,
        "print(" + "-" * 190 + "1",
        "\0",
        "x" * 300,
        f"print({LARGEST} + 1)",
    ],
)
def test_everything_else_is_refused(code):
    with pytest.raises(ValueError, match=r"\w"):
        run(code, {"a": 1}, 1000)
    assert program_output(code, sample([{"a": 1}], [[1]])) == 0


def test_refusal_names_what_is_not_in_the_language():
    with pytest.raises(Refused, match="Import is not in the language"):
        run("import os", {}, 9)


def test_a_reply_scores_when_it_is_right_from_every_start():
    task = sample([{"a": 1}, {"a": 5}], [[2], [10]])
    assert program_output("Sure:\n```python\nprint(a * 2)\n```\nDone.", task) == 1
    assert program_output("```python\nprint(a + 1)\n```", task) == 0
    assert program_output("", task) == 0


def test_code_is_read_without_a_fence_and_from_one_that_is_not_closed():
    assert fenced("print(a)") == "print(a)"
    assert fenced("x\n```python\nprint(a)") == "print(a)"
