import sys

import pytest

from longspan.core.errors import InputError
from longspan.evals.metrics.loogle import (
    CLOZE_EXACT,
    CLOZE_PARTIAL,
    JUDGED_ANSWER,
    JUDGED_SUMMARY,
    TEXT,
    bleu,
    filled,
)
from longspan.evals.task import Graded, Sample


def sample(*answers, **data):
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=1, data=data)


def test_bleu_is_that_of_nltk():
    prediction, reference = "the ferry left the harbour", "yesterday the ferry left the old harbour at noon"
    assert bleu(prediction, reference, 1) == pytest.approx(0.44932896411722156)  # exp(1 - 9/5) * 5/5
    assert bleu(prediction, reference, 4) == pytest.approx(0.22466448205861078)  # exp(1 - 9/5) * 1/2
    assert 0 < bleu("the old ferry sank at noon today in fog", reference, 4) <= sys.float_info.min
    assert bleu("no word matches", "all others differ", 4) == bleu("", "a", 1) == 0


def test_an_empty_reply_is_read_as_none():
    assert TEXT["rouge_1"].grade("", sample("None of them")) == pytest.approx(1 / 3)
    assert TEXT["bleu_1"].grade("", sample("None")) == 1


def test_masks_of_all_questions_are_pooled():
    graded = []
    for masks, reply in (
        (
            {"<mask-0>": "Ada Lovelace", "<mask-1>": "Turin", "<mask-2>": "Rome"},
            "{'<mask-0>': 'Ada', '<mask-1>': 'Turin'}",
        ),
        ({"<mask-0>": "Bob"}, "{'<mask-0>': 'Bob'}"),
    ):
        of = sample(*masks.values(), masks=masks)
        graded.append([Graded(of, reply, rule.grade(reply, of)) for rule in (CLOZE_EXACT, CLOZE_PARTIAL)])
    assert graded[0][0].score == pytest.approx(1 / 3)
    assert graded[0][1].score == pytest.approx(2 / 3)
    assert CLOZE_EXACT.total([each[0] for each in graded]) == 2 / 4  # not (1/3 + 1) / 2
    assert CLOZE_PARTIAL.total([each[1] for each in graded]) == 3 / 4


@pytest.mark.parametrize(
    "reply", ["", "Bob", "['Bob']", "{'<mask-0>': 3}", "{'<mask-0>': None", "{" * 9999, "{[]: 1}", "__import__('os')"]
)
def test_replies_that_fill_in_nothing_score_0(reply):
    of = sample("Bob", masks={"<mask-0>": "Bob"})
    assert CLOZE_EXACT.grade(reply, of) == CLOZE_PARTIAL.grade(reply, of) == 0


def test_dictionaries_are_read_and_nothing_is_run():
    assert filled('{"<mask-0>": "Bob"}') == {"<mask-0>": "Bob"}
    assert filled("{'a': 1}" + " " * 20_000) == {}


def test_unreadable_verdicts_are_left_out_and_missing_ones_refused():
    parts = [sample("a", verdict=verdict) for verdict in ("True", "False", "True", "yes")]
    graded = [Graded(part, "", JUDGED_ANSWER.grade("", part)) for part in parts]
    assert JUDGED_ANSWER.total(graded) == pytest.approx(2 / 3)
    assert JUDGED_SUMMARY.grade("", sample("a", verdict="85")) == 0.85
    with pytest.raises(InputError, match="`verdict`"):
        JUDGED_ANSWER.grade("", sample("a"))
