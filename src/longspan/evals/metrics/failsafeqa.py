"""FailSafeQA's compliance, robustness, grounding and their trade-off, as the paper defines them; no code is published.

A judge rates every reply from 1 to 6 (`data["rating"]`); 4 and more comply. https://arxiv.org/abs/2502.06329
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from longspan.core.errors import InputError
from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "https://arxiv.org/abs/2502.06329"
ANSWERABLE = ("query", "error_query", "incomplete_query", "out-of-domain_query", "ocr_context")
"""The question as it is, misspelled, cut short, in a layman's words, and over a badly scanned document."""
UNANSWERABLE = ("missing_context", "out-of-scope_query")
"""No document, and a question that the document does not answer: both are to be refused."""
COMPLIES = 4
BETA = 0.5


def complies(prediction: str, sample: Sample) -> float:
    """1 where the judge's rating is 4 or more, 0 where it is less or unreadable; InputError where there is none."""
    rating = sample.data.get("rating")
    if rating is None:
        raise InputError(f"{sample.task} is scored by a judge: put its rating from 1 to 6 into the record's `rating`")
    try:
        return float(float(rating) >= COMPLIES)
    except (TypeError, ValueError):
        return 0.0


def robustness(graded: Sequence[Graded]) -> float:
    """The share of items (`data["item"]`) whose replies to all answerable forms of the question comply."""
    items: dict[str, list[float]] = defaultdict(list)
    for each in graded:
        if each.sample.data["variant"] in ANSWERABLE:
            items[str(each.sample.data["item"])].append(each.score)
    return sum(min(scores) for scores in items.values()) / len(items) if items else 0.0


def grounding(graded: Sequence[Graded]) -> float:
    """The share of unanswerable questions that are refused as they should be."""
    return mean([each for each in graded if each.sample.data["variant"] in UNANSWERABLE])


def trade_off(graded: Sequence[Graded]) -> float:
    """LLMC: F-beta of grounding, as precision, and robustness, as recall, with beta 0.5."""
    robust, grounded = robustness(graded), grounding(graded)
    below = BETA**2 * grounded + robust
    return (1 + BETA**2) * grounded * robust / below if below else 0.0


COMPLIANCE = Rule("failsafeqa.compliance", complies, ORIGIN, scale=1)
ROBUSTNESS = Rule("failsafeqa.robustness", complies, ORIGIN, robustness, scale=1)
GROUNDING = Rule("failsafeqa.grounding", complies, ORIGIN, grounding, scale=1)
TRADE_OFF = Rule("failsafeqa.llmc", complies, ORIGIN, trade_off, scale=1)
