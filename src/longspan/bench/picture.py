"""Speed against length, both logarithmic, under what the machine could do at best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from longspan.bench.contest import Standing, Verdict
from longspan.bench.roofline import Roofline
from longspan.evals.report.charts import COLOURS, MARKERS, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {
    "prefill": "prompt tokens a second",
    "decode": "tokens written a second",
    "ttft": "seconds to the first token",
}


def paint(
    quantity: str, standings: Sequence[Standing], found: Sequence[Verdict], roofline: Roofline
) -> Callable[[Axes], None]:
    """A line per side with the spread as bars; break-even lengths dotted; the roofline dashed."""
    mine = [each for each in standings if each.quantity == quantity]
    lengths = sorted({each.length for each in mine})

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator

        for number, side in enumerate(dict.fromkeys(each.side for each in mine)):
            line = [each for each in mine if each.side == side]
            spreads = [each.seconds if quantity == "ttft" else each.per_second for each in line]
            axes.errorbar(
                [each.length for each in line],
                [spread.median for spread in spreads],
                yerr=[[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]],
                color=COLOURS[number % len(COLOURS)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                linewidth=1.4,
                capsize=2,
                label=side,
            )
        crossings = [(length, each) for each in found for length in each.break_even]
        for length, verdict in crossings:
            axes.axvline(length, color="#9aa7b4", linewidth=0.9, linestyle=":")
            label = f"{verdict.side}, {verdict.rival}: {length:,.0f}"
            axes.text(length, 0.02, label, transform=axes.get_xaxis_transform(), rotation=90, fontsize=6, ha="right")
        axes.plot(lengths, bounds(quantity, lengths, roofline), color="#1b2838", linestyle="--", label="roofline")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
        axes.minorticks_off()
        axes.set_xticks(lengths, [short(length) for length in lengths])
        axes.set(xlabel="tokens of the prompt", ylabel=TITLES[quantity])
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return draw


def bounds(quantity: str, lengths: Sequence[int], roofline: Roofline) -> list[float]:
    """The best that the machine allows at each length, in the quantity's own unit."""
    if quantity == "decode":
        return [1 / roofline.step(length) for length in lengths]
    seconds = [roofline.read(length) for length in lengths]
    return seconds if quantity == "ttft" else [length / spent for length, spent in zip(lengths, seconds, strict=True)]
