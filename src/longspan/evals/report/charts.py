"""Pictures of results: as SVG for the page and as PNG files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longspan.evals.comparison import Standing
from longspan.evals.summary import Cell, Cost, Effective

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#9c755f", "#edc948", "#e15759", "#79706e", "#d37295")
STRONG = "#1b2838"
DEPTHS = 11
MARKERS = ("o", "s", "^", "D", "v", "P")


def draw(name: str, folder: Path, paint: Callable[[Axes], None], *, size: tuple[float, float] = (7.2, 3.6)) -> str:
    """Paint a picture, save it as `name.png` in the folder, and return it as SVG for a page."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": name}
    with rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure.add_subplot())
        figure.savefig(folder / f"{name}.png", dpi=160)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    body = text.getvalue()[text.getvalue().index("<svg") :]
    # Every picture of one page needs ids of its own.
    return re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", body)


def paint_lengths(tasks: Sequence[Cell], total: Sequence[Cell], rules: Sequence[Effective]) -> Callable[[Axes], None]:
    """Score against length: a thin line per task, the mean of all with its interval, and the threshold."""

    def paint(axes: Axes) -> None:
        names = sorted({cell.name for cell in tasks})
        for number, name in enumerate(names):
            cells = [cell for cell in tasks if cell.name == name and cell.length]
            axes.plot(
                [cell.length for cell in cells],
                [100 * cell.score for cell in cells],
                color=COLOURS[number % len(COLOURS)],
                linewidth=1.2,
                marker="o",
                markersize=3,
                label=name,
            )
        lengths = [cell.length for cell in total]
        axes.fill_between(
            lengths,
            [100 * cell.interval.low for cell in total],
            [100 * cell.interval.high for cell in total],
            color=STRONG,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(lengths, [100 * cell.score for cell in total], color=STRONG, linewidth=2.4, label="mean of tasks")
        for rule in rules:
            axes.axhline(100 * rule.threshold, color="#e15759", linewidth=0.8, linestyle="--")
        _scale(axes, lengths)
        axes.set(xlabel="tokens of prompt and reply", ylabel="score", ylim=(-3, 103))
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return paint


def paint_heatmap(scores: dict[tuple[int, int], float], lengths: Sequence[int]) -> Callable[[Axes], None]:
    """Score by depth of the evidence and length."""

    def paint(axes: Axes) -> None:
        grid = [[100 * scores.get((depth, length), float("nan")) for length in lengths] for depth in range(DEPTHS)]
        image = axes.imshow(grid, aspect="auto", cmap="RdYlGn", vmin=0, vmax=100)
        axes.set_xticks(range(len(lengths)), [short(length) for length in lengths])
        axes.set_yticks(range(DEPTHS), [f"{10 * depth} %" for depth in range(DEPTHS)])
        axes.set(xlabel="tokens of prompt and reply", ylabel="depth of the evidence")
        for row, values in enumerate(grid):
            for column, value in enumerate(values):
                axes.text(column, row, "" if value != value else f"{value:.0f}", ha="center", va="center", fontsize=7)
        assert axes.figure
        axes.figure.colorbar(image, ax=axes, label="score")

    return paint


def paint_abilities(cells: Sequence[Cell]) -> Callable[[Axes], None]:
    """Score of each ability, a bar per length, with its interval."""

    def paint(axes: Axes) -> None:
        names, lengths = sorted({cell.name for cell in cells}), sorted({cell.length for cell in cells})
        width = 0.8 / max(1, len(lengths))
        for number, length in enumerate(lengths):
            found = {cell.name: cell for cell in cells if cell.length == length}
            places = [index + (number - (len(lengths) - 1) / 2) * width for index, name in enumerate(names)]
            shown = [(place, found[name]) for place, name in zip(places, names, strict=True) if name in found]
            heights = [100 * cell.score for _, cell in shown]
            errors = [
                [max(0.0, 100 * (cell.score - cell.interval.low)) for _, cell in shown],
                [max(0.0, 100 * (cell.interval.high - cell.score)) for _, cell in shown],
            ]
            shade = 0.3 + 0.7 * (number + 1) / len(lengths)
            axes.bar(
                [place for place, _ in shown],
                heights,
                width=width * 0.92,
                yerr=errors,
                color=COLOURS[0],
                alpha=shade,
                error_kw={"linewidth": 0.7},
                label=short(length),
            )
        axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names])
        axes.set(ylabel="score", ylim=(0, 103))
        axes.legend(title="tokens", fontsize=7, title_fontsize=7, frameon=False, bbox_to_anchor=(1.0, 1.0))

    return paint


def paint_costs(found: Sequence[Cost]) -> Callable[[Axes], None]:
    """Seconds of a sample against its tokens, both on doubling scales."""

    def paint(axes: Axes) -> None:
        axes.plot([cost.tokens for cost in found], [cost.seconds for cost in found], color=COLOURS[0], marker="o")
        _scale(axes, [cost.length for cost in found])
        if min(cost.seconds for cost in found) > 0:
            axes.set_yscale("log", base=2)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(xlabel="prompt tokens", ylabel="seconds a sample (median)")
        axes.grid(alpha=0.25)

    return paint


def paint_trade(standings: Sequence[Standing], cost: str, title: str, *, unit: int = 1) -> Callable[[Axes], None]:
    """Score against a cost in units, a mark per method; a line joins those of one length that nothing beats in both."""

    def paint(axes: Axes) -> None:
        methods = list(dict.fromkeys(each.method for each in standings))
        for number, length in enumerate(sorted({each.length for each in standings})):
            found = sorted((each for each in standings if each.length == length), key=lambda each: getattr(each, cost))
            front = [each for at, each in enumerate(found) if all(each.score > other.score for other in found[:at])]
            axes.plot(
                [getattr(each, cost) / unit for each in front],
                [100 * each.score for each in front],
                color="#9aa7b4",
                linewidth=0.8,
                zorder=1,
            )
            for each in found:
                colour = COLOURS[methods.index(each.method) % len(COLOURS)]
                x, y = getattr(each, cost) / unit, 100 * each.score
                axes.scatter([x], [y], color=colour, marker=MARKERS[number % len(MARKERS)], s=36, zorder=2)
                axes.annotate(short(length), (x, y), xytext=(4, 3), textcoords="offset points", fontsize=6)
        for method in methods:
            label = method or "as trained"
            axes.scatter([], [], color=COLOURS[methods.index(method) % len(COLOURS)], label=label)
        axes.set(xlabel=title, ylabel="score", ylim=(-3, 103))
        if min(getattr(each, cost) for each in standings) > 0:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2))

    return paint


def short(length: int) -> str:
    """A length as people write it.

    >>> short(4096), short(1500), short(0)
    ('4k', '1,500', 'as is')
    """
    if not length:
        return "as is"
    return f"{length // 1024}k" if length % 1024 == 0 else f"{length:,}"


def _scale(axes: Axes, lengths: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(lengths), [short(length) for length in lengths])
    axes.minorticks_off()
