import pytest

from longspan.evals.metrics.listops import first_digit
from longspan.evals.task import Sample


@pytest.mark.parametrize(("reply", "score"), [("7", 1), (" 7.", 1), ("7, as 8 is cut", 1), ("17", 0), ("", 0)])
def test_the_first_number_counts(reply, score):
    sample = Sample(task="t", id="i", before="", context="", after="", answers=("7",), max_tokens=16)
    assert first_digit(reply, sample) == score
