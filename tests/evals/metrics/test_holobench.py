import pytest

from longspan.evals.metrics.holobench import row_recall
from longspan.evals.task import Sample


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Oslo | 3\nRome | 12", 1),
        ("- 12 trips went to **Rome**,\n- 3 to OSLO", 1),
        ("Oslo | 3\nRome | 13", 0.5),
        ("Oslo\n3\nRome\n12", 0),  # the cells of a row stand in one line
        ("Oslo | 30\nRome | 112", 0),
        ("Oslo | 3.5\nRome | 12.", 0.5),
        ("Oslo | 3\nRome | 12\nParis | 7", 1),  # rows that are not wanted cost nothing, as in the original
        ("", 0),
    ],
)
def test_a_row_is_found_when_all_its_cells_stand_in_one_line(reply, score):
    sample = Sample(task="t", id="i", before="", context="", after="", answers=("Oslo | 3", "Rome | 12"), max_tokens=16)
    assert row_recall(reply, sample) == score


def test_thousands_may_be_set_apart_by_commas():
    sample = Sample(task="t", id="i", before="", context="", after="", answers=("Ada Adler | 12345",), max_tokens=16)
    assert row_recall("Ada Adler: 12,345 coins", sample) == 1
    assert row_recall("Ada Adler: 1, 12,345,678", sample) == 0
