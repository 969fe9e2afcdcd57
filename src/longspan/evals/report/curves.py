"""Pictures of what extends a window: a curve per method over the length."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from longspan.evals.extension.standing import Cell, Standing
from longspan.evals.report.charts import COLOURS, MARKERS, STRONG, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 10
"""How many times the lowest perplexity the highest may be on an even scale."""
NAMED = 45
"""Characters of a method string in a legend."""


def paint_perplexity(standings: Sequence[Standing], window: int) -> Callable[[Axes], None]:
    """Perplexity of the last tokens, with its interval; lower is better."""

    def paint(axes: Axes) -> None:
        _curves(axes, standings, lambda cell: cell.perplexity, lambda cell: (cell.interval.low, cell.interval.high))
        heights = [cell.perplexity for each in standings for cell in each.cells]
        if max(heights) > WIDE * min(heights):
            axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
        _finish(axes, standings, window, "perplexity of the last tokens")

    return paint


def paint_needles(standings: Sequence[Standing], window: int) -> Callable[[Axes], None]:
    """Loss on the tokens of the needles' values; lower is better."""

    def paint(axes: Axes) -> None:
        asked = [replace(each, cells=tuple(cell for cell in each.cells if cell.needles)) for each in standings]
        asked = [each for each in asked if each.cells]
        _curves(axes, asked, lambda cell: cell.needle_loss, None)
        axes.axhline(math.log(10), color="#999999", linewidth=0.8, linestyle=":", label="a guess among ten digits")
        _finish(axes, asked, window, "loss on a token of the needles")

    return paint


def _curves(
    axes: Axes,
    standings: Sequence[Standing],
    height: Callable[[Cell], float],
    bounds: Callable[[Cell], tuple[float, float]] | None,
) -> None:
    for number, each in enumerate(standings):
        colour = STRONG if not each.method else COLOURS[(number - 1) % len(COLOURS)]
        lengths = [cell.length for cell in each.cells]
        axes.plot(
            lengths,
            [height(cell) for cell in each.cells],
            color=colour,
            linewidth=2.2 if not each.method else 1.3,
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            label=_named(each.method),
        )
        if bounds is not None:
            low, high = zip(*(bounds(cell) for cell in each.cells), strict=True)
            axes.fill_between(lengths, low, high, color=colour, alpha=0.06, linewidth=0)


def _named(method: str) -> str:
    return f"{method[:NAMED]}\u2026" if len(method) > NAMED + 1 else method or "as trained"


def _finish(axes: Axes, standings: Sequence[Standing], window: int, label: str) -> None:
    lengths = sorted({cell.length for each in standings for cell in each.cells} | {window})
    axes.axvline(window, color="#e15759", linewidth=0.8, linestyle="--")
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [short(length) for length in lengths])
    axes.minorticks_off()
    axes.set(xlabel="tokens of the text (dashed: the trained window)", ylabel=label)
    if standings:
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
