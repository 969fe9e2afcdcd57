"""Which pattern each head of a model follows, in a file of the published form.

A list with an entry for each layer, from the head's number to kind, two numbers and the score that chose them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from longspan.core.errors import InputError

Kind = Literal["vertical_and_slash", "stream_llm", "block_sparse"]


class Plan(NamedTuple):
    """A head's pattern: columns and diagonals, tokens at the start and near, or tiles read by a tile of queries."""

    kind: Kind
    first: int
    second: int
    score: float = 0.0


def load(path: str) -> tuple[dict[int, Plan], ...]:
    """Each layer's plans by head; InputError where the file is none. A file that has changed is read anew."""
    try:
        return _load(path, Path(path).stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"recipe {path}: {error.strerror}; give the path of a JSON file, or none") from None


def save(path: str, layers: Sequence[Sequence[Plan]]) -> None:
    """Write each layer's plans in the order of its heads."""
    Path(path).write_text(json.dumps([{str(head): plan for head, plan in enumerate(plans)} for plans in layers]))


@cache
def _load(path: str, changed: int) -> tuple[dict[int, Plan], ...]:
    try:
        layers = json.loads(Path(path).read_text(encoding="utf-8"))
        return tuple({int(head): _plan(words) for head, words in layer.items()} for layer in layers)
    except (ValueError, TypeError, AttributeError) as error:
        wanted = 'a JSON list with {"head": [kind, number, number, score], ...} for each layer'
        raise InputError(f"recipe {path} is not {wanted}: {error}") from None


def _plan(words: Any) -> Plan:
    kind, first, second, score = words
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r} is none of {', '.join(get_args(Kind))}")
    if int(first) < 0 or int(second) < 0:
        raise ValueError(f"{first} and {second} must be at least 0")
    return Plan(kind, int(first), int(second), float(score))
