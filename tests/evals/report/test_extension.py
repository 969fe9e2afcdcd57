"""The report of methods that extend a window is one file that says what was chosen and why."""

import re
import xml.etree.ElementTree as ET

import pytest
from tests.evals.extension.test_choice import GOOD, LENGTH, PLAIN, WINDOW, trials

from longspan.evals.extension.choice import choose
from longspan.evals.extension.plan import Plan
from longspan.evals.extension.standing import standings
from longspan.evals.report.page import write_extension
from longspan.evals.search.recipe import METHOD, Recipe

PLAN = Plan(
    model="tiny",
    digest="0" * 64,
    method="auto",
    length=LENGTH,
    window=WINDOW,
    lengths=tuple(PLAIN),
    documents=12,
    needles=12,
    seed=0,
    text="t",
)
RECIPE = Recipe(
    method="rope=<x>",
    search="longrope",
    command="longspan extend tiny --search",
    seed=0,
    plan={},
    model="tiny",
    digest="0" * 64,
    length=LENGTH,
    text="t",
    measured="mean loss",
    trained=3.0,
    before=2.5,
    after=2.25,
    evaluations=99,
)


def page_of(folder, *more, recipe=None):
    found = standings([*trials("", PLAIN), *more], WINDOW)
    return write_extension(folder, PLAN, found, choose(found, WINDOW, LENGTH), recipe).read_text()


def test_the_page_needs_nothing_else_and_its_pictures_are_files_too(tmp_path):
    page = page_of(tmp_path, *trials("rope=yarn:factor=2", GOOD, (True, True)))
    assert not re.search(r"<(script|img|link|iframe)\b", page)
    assert {path.name for path in tmp_path.glob("*.png")} == {"perplexity.png", "needles.png"}
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)


@pytest.mark.parametrize("helps", [True, False])
def test_the_page_says_what_was_chosen_or_that_nothing_helps(tmp_path, helps):
    page = page_of(tmp_path, *trials("rope=yarn:factor=2", GOOD if helps else PLAIN, (True, helps)))
    assert ("Chosen: <strong>rope=yarn:factor=2</strong>" in page) == helps
    assert ("Nothing helps" in page) != helps
    assert "100, 100 %" in page


def test_a_search_is_told_with_the_command_that_made_it(tmp_path):
    page = page_of(tmp_path, *trials("rope=<x>", GOOD, (True, True)), recipe=RECIPE)
    assert "as trained 3.0000, where the search began 2.5000, found 2.2500 after 99 evaluations" in page
    assert "longspan extend tiny --search" in page
    assert "rope=&lt;x&gt;" in page
    RECIPE.write(tmp_path)
    assert (tmp_path / METHOD).read_text() == "rope=<x>\n"
