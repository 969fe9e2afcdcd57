"""The rule for HoloBench: the share of gold rows found, told by a program where the original asks a model."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

CELLS = " | "
"""What stands between the cells of a reference row."""
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")


def row_recall(prediction: str, sample: Sample) -> float:
    """The share of reference rows all of whose cells stand in one line of the reply, in any order and case.

    Rows that are not wanted cost nothing, as in the original; its half-right rows count as not found.
    """
    lines = [_THOUSANDS.sub("", line) for line in prediction.splitlines()]
    found = [any(all(_stands(cell, line) for cell in row.split(CELLS)) for line in lines) for row in sample.answers]
    return sum(found) / len(found)


def _stands(cell: str, line: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(cell)}(?!\w|\.\d)", line, re.IGNORECASE) is not None


ROW_RECALL = Rule("longspan.holobench_rows", row_recall)
