import pytest

from longspan.evals.metrics.choices import grade, letter
from longspan.evals.task import Sample


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("The correct answer is C: Acute bronchitis.", "C"),
        ("The answer is (B). On reflection, the answer is **D**.", "D"),
        ('{"reasoning": "A came first", "answer": "B"}', "B"),
        ("B", "B"),
        ("(E) melanoma", "E"),
        ("答案是B选项", "B"),
        ("答案\uff1aC\u3002", "C"),
        ("A patient came.", None),
        ("The answer is Aspirin", None),
        ("I do not know", None),
        ("", None),
    ],
)
def test_the_chosen_letter_is_read(reply, expected):
    assert letter(reply) == expected


def test_the_text_of_one_option_alone_chooses_it():
    sample = Sample(
        task="t",
        id="i",
        before="",
        context="",
        after="",
        answers=("B",),
        max_tokens=1,
        data={"options": ["Asthma", "Gout", "Flu"]},
    )
    assert grade("It was gout.", sample) == grade("The answer is B", sample) == 1
    assert grade("It was gout or flu.", sample) == grade("The answer is C: Gout", sample) == grade("", sample) == 0
