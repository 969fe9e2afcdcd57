import pytest

from longspan.evals.metrics.label_icl import label
from longspan.evals.task import Sample


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("12", 1),
        (" label: 12", 1),
        ("Label:12.\nMessage: next", 1),
        ("\n12\n13", 1),
        ("120", 0),
        ("The label is 12", 0),
        ("13\n12", 0),
        ("", 0),
    ],
)
def test_the_first_line_has_to_be_the_label(reply, score):
    sample = Sample(task="t", id="i", before="", context="", after="", answers=("12",), max_tokens=20)
    assert label(reply, sample) == score
