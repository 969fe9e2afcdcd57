from types import SimpleNamespace

import pytest

from longspan.evals.metrics.regular_languages import LEGAL


@pytest.mark.parametrize(
    ("reply", "score"),
    [("b", 1), (" b c d", 1), ('"d".', 1), ("c", 0), ("bd", 0), ("c b", 0), ("the symbol is b", 0), ("", 0), (" ", 0)],
)
def test_only_the_first_symbol_of_the_reply_counts_and_any_legal_one_is_right(reply, score):
    assert LEGAL.grade(reply, SimpleNamespace(answers=("b", "d"))) == score
