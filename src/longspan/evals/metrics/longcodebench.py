"""LongCodeBench's rule for LongCodeQA, and ours for letters that it cannot read. https://arxiv.org/abs/2505.07897"""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

ORIGIN = "Zteefano/long-code-bench c403924"
_NAMED = re.compile(r"Final Answer:\s*([ABCD])", re.IGNORECASE)
_LAST = re.compile(r"\b([ABCD])\s*$", re.IGNORECASE)
_FIRST = re.compile(r"[\s(*\"']*([ABCD])(?![A-Za-z0-9' ])", re.IGNORECASE)


def letter(prediction: str) -> str:
    """The letter after the first `Final Answer:`, else one that ends the reply, in upper case; empty without either.

    Quirks kept: a full stop or bracket after the last letter hides it, and a reply that ends with the word "a" is A.
    """
    found = _NAMED.search(prediction) or _LAST.search(prediction.strip())
    return found[1].upper() if found else ""


def final_letter(prediction: str, sample: Sample) -> float:
    """1 for the right letter."""
    return float(letter(prediction) == sample.answers[0])


def any_letter(prediction: str, sample: Sample) -> float:
    """1 for the right letter, which may also begin the reply, as in `B.`, `(B)` or `B) the reason`."""
    found = _FIRST.match(prediction)
    return float((found[1].upper() if found else letter(prediction)) == sample.answers[0])


FINAL_LETTER = Rule("longcodebench.final_letter", final_letter, ORIGIN)
ANY_LETTER = Rule("longspan.first_or_final_letter", any_letter)
