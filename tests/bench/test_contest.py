"""Sides take turns, every other round backwards; medians, ratios of one turn, and break-evens come out as by hand."""

import math

import pytest

from longspan.bench.contest import Plan, Spread, Standing, contest, verdicts
from longspan.bench.sides import Trial


class Scripted:
    """Takes the seconds it is told to, and notes when it was asked."""

    def __init__(self, name, log, reads, write=1.0):
        self.name, self._log, self._reads, self._write = name, log, list(reads), write

    def run(self, text, length, steps):
        self._log.append((self.name, len(text), length, steps))
        return Trial(encode=1.0, read=self._reads.pop(0), write=self._write, stored_bytes=length)

    def close(self):
        pass


def run(ours, peers, plan):
    return list(contest(ours, peers, lambda length: "x" * length, plan))


def test_sides_take_turns_behind_a_first_one_that_does_not_count():
    log = []
    sides = [Scripted(name, log, [9.0, 1.0, 1.0]) for name in ("dense", "peer")]
    run(sides[:1], sides[1:], Plan((600,), repeats=2, steps=5))
    assert log[:2] == [("dense", 512, 512, 2), ("peer", 512, 512, 2)]
    assert log[2:] == [(name, 600, 600, 5) for name in ("dense", "peer", "peer", "dense")]


def test_ratios_are_of_the_same_round_and_peers_have_none():
    log = []
    dense = Scripted("dense", log, [0, 2.0, 4.0, 30.0])
    fast, peer = Scripted("fast", log, [0, 1.0, 1.0, 10.0]), Scripted("peer", log, [0, 4.0, 2.0, 30.0])
    rows = {each.side: each for each in run([dense, fast], [peer], Plan((100,), ("prefill",), repeats=3))}
    assert rows["fast"].ratios == {"dense": Spread(3.0, 2.0, 4.0), "peer": Spread(3.0, 2.0, 4.0)}
    assert rows["dense"].ratios == {"peer": Spread(1.0, 0.5, 2.0)}
    assert rows["peer"].ratios == {}
    assert rows["dense"].seconds == Spread(4.0, 2.0, 30.0)
    assert rows["dense"].per_second == Spread(25.0, 100 / 30, 50.0)


def test_decoding_is_the_mean_of_all_tokens_and_first_text_counts_the_tokenizer():
    rows = run([Scripted("dense", [], [0, 2.0], write=4.0)], [], Plan((100,), repeats=1, steps=8))
    assert {each.quantity: each.seconds.median for each in rows} == {"prefill": 2.0, "decode": 0.5, "ttft": 3.0}
    assert [each.per_second.median for each in rows if each.quantity == "decode"] == [2.0]


def test_nothing_is_written_where_decoding_is_not_timed():
    log = []
    run([Scripted("dense", log, [1.0, 1.0])], [], Plan((100,), ("prefill", "ttft"), repeats=1))
    assert {steps for *_, steps in log} == {0}


def standing(length, low, median, high, quantity="prefill"):
    one = Spread(1.0, 1.0, 1.0)
    return Standing(quantity, length, "sparse", {"dense": Spread(median, low, high)}, one, one, 0)


def test_the_break_even_lies_on_a_line_in_logarithms():
    (found,) = verdicts([standing(4000, 1.9, 2.0, 2.1), standing(1000, 0.4, 0.5, 0.6)])
    assert found.break_even == pytest.approx((2000.0,))
    assert str(found) == "prefill: sparse is slower than dense below about 2,000 tokens, faster beyond"
    (found,) = verdicts([standing(1000, 3.9, 4.0, 4.1), standing(4000, 0.4, 0.5, 0.6)])
    assert found.break_even == pytest.approx((1000 * 4 ** (2 / 3),))
    assert "faster than dense below about 2,520 tokens, slower beyond" in str(found)


def test_lengths_in_between_that_decide_nothing_still_say_where_it_lies():
    level = standing(2000, 0.9, 0.95, 1.1)
    (found,) = verdicts([standing(500, 0.94, 0.95, 0.96), level, standing(8000, 1.9, 2.0, 2.1)])
    assert found.break_even == pytest.approx((2000 * 4 ** (math.log(0.95) / math.log(0.95 / 2)),))
    above = standing(1000, 0.9, 1.2, 1.3)
    (found,) = verdicts([standing(500, 0.94, 0.95, 0.96), above, level, standing(8000, 1.9, 2.0, 2.1)])
    assert 2000 < found.break_even[0] < 8000


def test_turns_that_differ_decide_nothing():
    (found,) = verdicts([standing(1000, 0.9, 0.95, 1.1), standing(2000, 1.1, 1.2, 1.3)])
    assert (found.faster, found.slower, found.level, found.break_even) == ((2000,), (), (1000,), ())
    assert str(found) == "prefill: sparse against dense is faster at 2,000; as fast within the spread at 1,000 tokens"


def test_a_method_that_never_wins_is_told_so():
    (found,) = verdicts([standing(1000, 0.4, 0.5, 0.6), standing(2000, 0.6, 0.7, 0.8)])
    assert str(found) == "prefill: sparse against dense is slower at 1,000, 2,000 tokens"
