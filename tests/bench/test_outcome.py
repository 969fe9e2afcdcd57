"""A run's figures come back from its file, and its pictures show what was found."""

import json

from matplotlib.figure import Figure
from tests.bench.test_contest import standing
from tests.bench.test_roofline import SHAPE, WEIGHTS

from longspan.bench.contest import Plan
from longspan.bench.outcome import Outcome
from longspan.bench.picture import bounds, paint
from longspan.bench.roofline import Roofline

BOUND = Roofline(1e9, 1e9, SHAPE, WEIGHTS)
STANDINGS = [
    standing(length, ratio, ratio, ratio, quantity)
    for quantity in ("prefill", "ttft")
    for length, ratio in ((1000, 0.5), (4000, 2.0))
]
OUTCOME = Outcome({"model": "tiny"}, Plan((1000, 4000), ("prefill", "ttft")), ["a remark"], STANDINGS, BOUND)


def test_the_file_holds_all_and_there_is_a_picture_for_each_quantity(tmp_path):
    written = OUTCOME.write(tmp_path / "new")
    assert [path.name for path in written] == ["bench.json", "prefill.png", "ttft.png"]
    assert all(path.stat().st_size for path in written)
    read = json.loads(written[0].read_text())
    assert [each["ratios"]["dense"]["median"] for each in read["standings"]] == [0.5, 2.0, 0.5, 2.0]
    assert read["verdicts"][0]["said"] == str(OUTCOME.verdicts[0])
    assert read["roofline"]["least_seconds"][0] == {
        "length": 1000,
        "prefill": BOUND.read(1000),
        "decode": BOUND.step(1000),
    }
    assert (read["machine"], read["plan"]["repeats"], read["remarks"]) == ({"model": "tiny"}, 4, ["a remark"])


def test_the_picture_is_logarithmic_both_ways_and_marks_the_break_even():
    axes = Figure().add_subplot()
    paint("prefill", STANDINGS, OUTCOME.verdicts[:1], BOUND)(axes)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert any("2,000" in text.get_text() for text in axes.texts)
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"sparse", "roofline"}


def test_bounds_are_in_the_unit_of_the_quantity():
    assert bounds("ttft", [1000], BOUND) == [BOUND.read(1000)]
    assert bounds("prefill", [1000], BOUND) == [1000 / BOUND.read(1000)]
    assert bounds("decode", [1000], BOUND) == [1 / BOUND.step(1000)]
