import pytest

from longspan.evals.metrics.m4le import acc, cls_f1, exact_match
from longspan.evals.task import Sample


def sample(*answers, ends=()):
    data = {"ends": list(ends)}
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=20, data=data)


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Oslo", 1), ("It was in OSLO, I think", 1), ("I think.\nOslo", 0), ("Mr. X went to Oslo", 0), ("", 0)],
)
def test_acc_looks_for_an_answer_before_the_first_end_mark(reply, score):
    assert acc(reply, sample("Oslo", ends=("\n", "."))) == score


def test_exact_match_takes_nothing_but_the_answer():
    assert exact_match(" 4. There are four", sample("4", ends=(".",))) == 1
    assert exact_match("There are 4", sample("4", ends=(".",))) == 0
    assert exact_match("Sport.", sample("sport")) == 0


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("A1, B2.", 1),
        ("B2,A1", 1),
        ("A1", 2 / 3),  # precision 1, recall 1/2
        ("A1, A1, C3, B2", 4 / 5),  # repeats count once: precision 2/3, recall 1
        ("A1, B2. C3", 1),  # nothing after a full stop counts
        ("a1, b2", 0),
        ("Articles: A1 B2", 0),
        ("", 0),
    ],
)
def test_cls_f1_compares_sets_of_ids(reply, score):
    assert cls_f1(reply, sample("A1", "B2")) == pytest.approx(score)
