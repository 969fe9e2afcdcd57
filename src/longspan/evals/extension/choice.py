"""Which method to extend a model with, and why; or that none helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longspan.evals.extension.standing import TRAINED, Standing

TOLERATED = 1.05
"""How many times the perplexity may be: of short texts, what it was; of the longest, that of its last window alone."""
LEVEL = 0.05
"""Chance of taking luck for a gain."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The end of a comparison."""

    method: str
    """Method string; empty: nothing helps."""
    why: str
    verdicts: dict[str, str]
    """Of each method, why it was not chosen; empty where it helps."""


def choose(standings: Sequence[Standing], window: int, length: int) -> Choice:
    """Choose among the methods that help the one surest of needles beyond the window; without needles, by perplexity.

    A method helps that leaves short texts alone, reads `length` tokens no worse than the last `window` of them alone,
    and is surer of needles beyond the window, or expects the longest texts better, than the model as it was trained.
    """
    plain = next(each for each in standings if each.method == TRAINED)
    verdicts = {each.method: verdict(each, window, length) for each in standings if each.method != TRAINED}
    helping = [each for each in standings if not verdicts.get(each.method, "as trained")]
    if not helping:
        reasons = "; ".join(f"{method}: {why}" for method, why in verdicts.items())
        return Choice("", f"nothing helps at {length:,} tokens. {reasons}", verdicts)
    best = min(helping, key=lambda each: (each.beyond(window)[2], each.at(length).perplexity))
    return Choice(best.method, _praise(best, plain, window, length), verdicts)


def verdict(standing: Standing, window: int, length: int) -> str:
    """Why a method does not help; empty where it does."""
    if standing.failure:
        return f"it could not be run: {standing.failure}"
    if standing.short > math.log(TOLERATED):
        return f"perplexity within the window rises by {_percent(standing.short)}"
    if standing.cut > math.log(TOLERATED):
        return (
            f"perplexity at {length:,} tokens is {_percent(standing.cut)} above that of the model as trained which "
            f"reads only the last {window:,}"
        )
    if standing.needles.difference > 0 and standing.needles.p < LEVEL:
        return "it is less sure of needles beyond the window than the model as trained"
    if not any(each.difference < 0 and each.p < LEVEL for each in (standing.needles, standing.loss)):
        return "no gain over the model as trained that chance alone would not give"
    return ""


def _praise(best: Standing, plain: Standing, window: int, length: int) -> str:
    (found, asked, loss), (before, _, worse) = best.beyond(window), plain.beyond(window)
    inside = [cell for cell in best.cells if cell.agreement is not None]
    agreement = min((cell.agreement for cell in inside if cell.agreement is not None), default=1.0)
    return (
        f"it finds {found} of {asked} needles beyond the window (as trained {before}) and loses {loss:.2f} on a token "
        f"of them (as trained {worse:.2f}), perplexity at {length:,} tokens is {best.at(length).perplexity:,.2f} "
        f"(as trained {plain.at(length).perplexity:,.2f}), within the window it "
        f"changes by {best.short_percent:+.1f} %, and greedy decoding there agrees in at least "
        f"{100 * agreement:.0f} % of tokens"
    )


def _percent(loss: float) -> str:
    return f"{100 * math.expm1(loss):,.0f} %"
