"""The report is one file that needs nothing else, and says what the rows say."""

import re
import xml.etree.ElementTree as ET

import pytest
from tests.evals.asked import TASK, manifest, run, solver, subject

from longspan.evals.comparison import compare
from longspan.evals.report.page import write, write_comparison


@pytest.fixture
def folder(tmp_path):
    wanted = manifest(samples=11, lengths=(300, 450, 600), tasks=(TASK, "ruler/niah_multikey_2"))
    rows = run(tmp_path, wanted, subject(solver(TASK), window=520)).rows()
    write(tmp_path, wanted, rows)
    return tmp_path


def test_nothing_is_loaded_from_anywhere(folder):
    page = (folder / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=[\"']?(?!#|data:)[^\"'> ]+|url\((?!#)|@import", page)
    assert not re.search(r"<(script|img|link|iframe)\b", page)


def test_every_picture_is_well_formed_and_also_a_png(folder):
    drawn = re.findall(r"<svg.*?</svg>", (folder / "report.html").read_text(), re.DOTALL)
    assert len(drawn) == len(list(folder.glob("*.png"))) == 4
    for svg in drawn:
        ET.fromstring(svg)
    ids = re.findall(r'id="([^"]+)"', "".join(drawn))
    assert len(ids) == len(set(ids))


def test_the_page_says_what_was_refused_and_what_is_effective(folder):
    page = (folder / "report.html").read_text()
    assert "22 samples did not fit the window and were refused" in page
    assert "Effective length by score of at least 85.6% (RULER)" in page
    assert "Nothing was cut" in page


def test_replies_cannot_change_the_page(tmp_path):
    rows = run(tmp_path, manifest(), subject(lambda messages: "<script>x")).rows()
    page = write(tmp_path, manifest(), rows).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;x" in page


def test_a_comparison_has_both_trades(tmp_path):
    wanted = manifest(methods=("", "kv=snapkv"))
    run(tmp_path, wanted, subject(solver(TASK)))
    rows = run(tmp_path, wanted, subject(method="kv=snapkv")).rows()
    page = write_comparison(tmp_path, wanted, compare(rows, wanted.methods)).read_text()
    assert "kv=snapkv" in page
    assert "-100.0" in page
    assert (tmp_path / "quality_by_seconds.png").exists()
