"""Longest common subsequences, a whole row of the table at a time: rows are integers, cells their bits."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Literal


def table(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[int]:
    """Row i, for the first i items of `one`: bit j is 0 where item j of `other` makes the subsequence longer."""
    places: dict[Hashable, int] = {}
    for at, item in enumerate(other):
        places[item] = places.get(item, 0) | 1 << at
    whole = (1 << len(other)) - 1
    rows = [whole]
    for item in one:
        row = rows[-1]
        matching = row & places.get(item, 0)
        rows.append((row + matching | row - matching) & whole)
    return rows


def length(rows: list[int], line: int, column: int) -> int:
    """How long the longest subsequence is that the first `line` items of one have in common with `column` of other."""
    return column - (rows[line] & (1 << column) - 1).bit_count()


def common(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence."""
    return length(table(one, other), len(one), len(other))


def trace(one: Sequence[Hashable], other: Sequence[Hashable], *, ties: Literal["one", "other"]) -> Iterator[int | None]:
    """Steps from the ends back along a longest subsequence: a position in `one` that is part of it, or None.

    `ties` says which of the two is shortened where either way is as good; another choice finds another subsequence.
    """
    rows = table(one, other)
    line, column = len(one), len(other)
    while line and column:
        if one[line - 1] == other[column - 1]:
            line, column = line - 1, column - 1
            yield line
            continue
        up, left = length(rows, line - 1, column), length(rows, line, column - 1)
        if up > left or (up == left and ties == "one"):
            line -= 1
        else:
            column -= 1
        yield None
