"""Windows vote by weighted sums of log-probabilities; a real model rates replies for them."""

import asyncio
import math

import pytest
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.lm.ensemble import vote
from longspan.lm.lm import Message, OverLength
from longspan.lm.local import Local


class Table:
    """Rates by the text of the window."""

    def __init__(self, rows):
        self.rows = rows

    async def log_probs(self, messages, replies):
        return [math.log(self.rows[messages[0].content][reply]) for reply in replies]


TABLE = Table({"a": {"yes": 0.6, "no": 0.4}, "b": {"yes": 0.5, "no": 0.5}, "c": {"yes": 0.1, "no": 0.9}})
WINDOWS = [[Message("user", name)] for name in "abc"]


def voted(windows=WINDOWS, replies=("yes", "no"), weights=()):
    return asyncio.run(vote(TABLE, windows, replies, weights))


def test_the_reply_with_the_greatest_sum_of_logarithms_wins():
    found = voted()
    yes, no = (0.6 * 0.5 * 0.1) ** (1 / 3), (0.4 * 0.5 * 0.9) ** (1 / 3)
    assert found.reply == "no"
    assert found.shares == pytest.approx({"yes": yes / (yes + no), "no": no / (yes + no)})


def test_weights_say_how_much_each_window_counts():
    assert voted(weights=(1, 1, 0)).reply == "yes"
    assert voted(weights=(2, 2, 2)).shares == pytest.approx(voted().shares)
    assert voted(WINDOWS[:1]).shares == pytest.approx({"yes": 0.6, "no": 0.4})


@pytest.mark.parametrize(
    ("windows", "replies", "weights"),
    [
        ([], ["yes"], ()),
        (WINDOWS, [], ()),
        (WINDOWS, ["yes", "yes"], ()),
        (WINDOWS, ["yes"], (1, 1)),
        (WINDOWS, ["yes"], (1, 1, -1)),
        (WINDOWS, ["yes"], (0, 0, 0)),
    ],
)
def test_what_cannot_be_voted_on_is_refused(windows, replies, weights):
    with pytest.raises(InputError, match="give one"):
        voted(windows, replies, weights)


def test_a_model_on_this_machine_votes():
    lm = Local(tiny_model())
    windows = [[Message("user", f"{text}\nIs it yes or no?")] for text in ("It is so.", "It is not so.")]
    found = asyncio.run(vote(lm, windows, ["yes", "no", "perhaps"]))
    alone = [asyncio.run(lm.log_probs(window, ["yes", "no", "perhaps"])) for window in windows]
    sums = [sum(column) for column in zip(*alone, strict=True)]
    assert found.reply == ["yes", "no", "perhaps"][sums.index(max(sums))]
    assert sum(found.shares.values()) == pytest.approx(1)


def test_replies_beyond_the_window_are_refused():
    with pytest.raises(OverLength):
        asyncio.run(Local(tiny_model(), window=20).log_probs([Message("user", "x " * 30)], ["yes"]))
