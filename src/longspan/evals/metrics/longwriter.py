"""LongWriter's length score, as in THUDM/LongWriter `evaluation/eval_length.py` and `pred.py`."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample


def words(text: str) -> int:
    """Words of English letters, and Chinese characters. Quirk kept: numbers and words of other letters do not count."""
    return len(re.findall(r"[\u4e00-\u9fff]", text)) + len(re.findall(r"\b[a-zA-Z]+\b", text))


def length_score(prediction: str, sample: Sample) -> float:
    """S_L: 1 for the length asked for, falling evenly to 0 at four times it and at a third of it; 0 for no word."""
    asked, written = int(sample.data["length"]), words(prediction)
    if written > asked:
        return max(0.0, 1 - (written / asked - 1) / 3)
    return max(0.0, 1 - (asked / written - 1) / 2) if written else 0.0


LENGTH_SCORE = Rule("longwriter.length_score", length_score, "THUDM/LongWriter 3fcfdff")
