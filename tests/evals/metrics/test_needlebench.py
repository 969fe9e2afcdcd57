from types import SimpleNamespace

import pytest

from longspan.evals.metrics.needlebench import BOXED, KEYWORD, KEYWORDS


def asked(*answers):
    return SimpleNamespace(answers=answers)


def test_a_keyword_counts_where_it_occurs_as_written_and_nowhere_else():
    assert KEYWORD.grade("It was made of bronze.", asked("bronze")) == 1
    assert KEYWORD.grade("Bronze.", asked("bronze")) == 0


def test_several_keywords_count_by_their_share_in_any_order():
    assert KEYWORDS.grade("1. heron\n2. lynx", asked("lynx", "heron", "zinc", "opal")) == 0.5


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        (r"So it is \boxed{Ada Baker}.", True),
        (r"First \boxed{Otto Holt}, then \boxed{Ada Baker}", True),
        (r"\boxed{\text{Ada Baker}}", True),
        (r"\boxed{{Ada Baker}}", True),
        (r"\boxed{ 'Ada~Baker' }", True),
        (r"\boxed{Ada\ Baker}", True),
        ("\\boxed{Ada\n  Baker}", True),
        (r"\boxed{ada baker}", False),
        (r"\boxed{Ada Baker is the eldest}", False),
        ("Ada Baker", False),
        (r"\fbox{Ada Baker}", False),
        (r"\boxed{Ada Baker} and \boxed{", False),
        (r"\boxed Ada Baker", False),
        ("", False),
        ("}}}{{{", False),
    ],
)
def test_only_what_the_last_box_holds_counts_after_cleaning(reply, right):
    assert BOXED.grade(reply, asked("Ada Baker")) == right
