"""What is drawn on the terminal: results on standard output, everything else on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from longspan.core.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

WIDE = 160
"""Columns of output that no terminal wraps."""


@cache
def out() -> Console:
    """Standard output, for results."""
    from rich.console import Console

    return _console(Console(highlight=False))


@cache
def err() -> Console:
    """Standard error, for progress and remarks."""
    from rich.console import Console

    return _console(Console(stderr=True, highlight=False))


def _console(console: Console) -> Console:
    """Give output that goes to a file or a pipe room for tables."""
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    return console


@contextmanager
def bars() -> Iterator[Progress]:
    """Show progress on standard error: a bar per stage on a terminal, else a line per stage when it ends."""
    if not err().is_terminal:
        lines = Lines()
        try:
            yield lines
        finally:
            lines.close()
        return
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=err()) as drawing:
        yield Drawn(drawing)


@dataclass(slots=True)
class Stage:
    """A piece of long work, as far as it has come."""

    name: str
    unit: str
    began: float
    first: int
    """Units that were done when it was first heard of: not counted in the speed."""
    done: int = 0
    total: int = 0

    def describe(self, now: float) -> str:
        """Say how much is done and how fast."""
        seconds = now - self.began
        speed = (self.done - self.first) / seconds if seconds > 0 else 0.0
        of = f" of {amount(self.total, self.unit)}" if self.total > self.done else ""
        rate = f", {amount(speed, self.unit)}/s" if speed > 0 else ""
        return f"{amount(self.done, self.unit)}{of}{rate}"


class Drawn:
    """A bar per stage."""

    def __init__(self, drawing: Bars) -> None:
        self._drawing = drawing
        self._stages: dict[str, Stage] = {}
        self._tasks: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        """Move the bar of a stage, which starts anew when it goes back."""
        from rich.progress import TaskID

        now = time.monotonic()
        known = self._stages.get(stage)
        if known is None or done < known.done:
            known = self._stages[stage] = Stage(stage, unit, now, done)
            self._tasks[stage] = self._drawing.add_task(stage, total=total or None, said="")
        known.done, known.total = done, total
        self._drawing.update(TaskID(self._tasks[stage]), completed=done, total=total or None, said=known.describe(now))


class Lines:
    """A line per stage, written when the stage ends."""

    def __init__(self) -> None:
        self._stage: Stage | None = None

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        """Remember how far a stage is; say it when it is complete or another begins."""
        current = self._stage
        if current is None or current.name != stage or done < current.done:
            self.close()
            current = self._stage = Stage(stage, unit, time.monotonic(), done)
        complete = 0 < current.total <= current.done
        current.done, current.total = done, total
        if not complete and 0 < total <= done:
            self._say(current)

    def close(self) -> None:
        """Say how far the last stage came."""
        if self._stage is not None and not 0 < self._stage.total <= self._stage.done:
            self._say(self._stage)
        self._stage = None

    def _say(self, stage: Stage) -> None:
        now = time.monotonic()
        err().print(f"{stage.name}: {stage.describe(now)}, {now - stage.began:.1f} s", markup=False, soft_wrap=True)


def amount(number: float, unit: str) -> str:
    """Write a number of units.

    >>> amount(1234567, "tokens"), amount(98_000_000, "bytes"), amount(7.25, "pages")
    ('1,234,567 tokens', '98.0 MB', '7.2 pages')
    """
    if unit in ("bytes", "B"):
        for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if number >= size:
                return f"{number / size:.1f} {name}"
        return f"{number:.0f} B"
    return f"{number:,.0f} {unit}" if number >= 100 or number == int(number) else f"{number:.1f} {unit}"
