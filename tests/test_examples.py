"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = 40


def test_examples_are_short():
    examples = list((ROOT / "examples").glob("*.py"))
    assert examples
    assert {
        path.name: len(path.read_text().splitlines()) for path in examples if len(path.read_text().splitlines()) > LINES
    } == {}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_demo_answers_by_both_routes_and_shows_the_passage():
    done = subprocess.run([sys.executable, "examples/demo.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("Evidence") == 2
    retrieved = done.stdout.partition("--route stream")[0]
    assert "343" in retrieved
