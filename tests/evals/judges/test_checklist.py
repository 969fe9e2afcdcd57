"""Checklists: every point answered once, or no verdict."""

import asyncio

import pytest

from longspan.core.errors import InputError
from longspan.evals.judges.checklist import answers, check, score
from longspan.evals.judges.judge import Judge
from longspan.lm.scripted import Scripted


def test_every_point_gets_its_answer_in_one_call() -> None:
    lm = Scripted("The date is there, the place only half.\n1: yes\n2: Partly\n3: no")
    points = ["Names the date.", "Names the place.", "Names the cause."]
    verdict = asyncio.run(check(Judge(lm), task="Tell of it.", reply="In May, in town.", points=points))
    assert verdict.value == ("yes", "partly", "no")
    assert len(lm.calls) == 1
    assert "2. Names the place." in lm.calls[0].messages[0].content


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1: yes\n2: no", ("yes", "no")),
        ("- **2.** no\n- **1.** yes", ("yes", "no")),
        ("1) yes.\n2) PARTLY", ("yes", "partly")),
        ("1: yes\n1: yes\n2: no", ("yes", "no")),
        ("1: yes\n1: no\n2: no", None),
        ("1: yes", None),
        ("1: yes\n2: no\n3: no", None),
        ("1: yes\n2: no, mostly", None),
        ("yes\nno", None),
        ("", None),
    ],
)
def test_a_missing_double_or_unasked_answer_makes_a_verdict_unreadable(
    text: str, found: tuple[str, ...] | None
) -> None:
    assert answers(text, 2) == found


def test_the_score_is_the_weighted_share_with_half_for_partly() -> None:
    assert score(("yes", "partly", "no", "yes")) == pytest.approx(2.5 / 4)
    assert score(("yes", "partly", "no"), [1, 2, 5]) == pytest.approx(2 / 8)


def test_weights_that_do_not_fit_and_lists_without_points_are_refused() -> None:
    for weights in ([1.0], [0.0, 0.0], [2.0, -1.0]):
        with pytest.raises(InputError, match="2 points"):
            score(("yes", "no"), weights)
    with pytest.raises(InputError, match="without points"):
        asyncio.run(check(Judge(Scripted([])), task="?", reply="!", points=[]))
