"""The methods that are compared, and settings that suit a model's window and the length to reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from longspan.core.discover import entries, seam
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.setting import write
from longspan.evals.search.quests import GROUPS
from longspan.models.method import Method

AUTO = ("dynamic_ntk", "dynamic_yarn", "yarn", "ntk_by_parts", "longrope2", "self_extend", "rerope", "dca")
"""What `auto` compares: what its papers say works without training, exact methods before approximate ones."""
APART = ("plain", "cache_relative", "longrope")
"""What `all` leaves out: what extends nothing by itself, or is nothing without factors that were searched. Where these
were found for the model, `auto` and `all` have them."""
TAIL = 1024
"""Tokens for a question and a reply behind windows that do not see each other."""
REACH = 2 / 3
"""Share of the trained window that Self-Extend's greatest distance may have; a half to two thirds is advised."""

Fill = Callable[[int, int], str]
"""Settings from the trained window and the length to reach."""


def _factor(window: int, length: int) -> str:
    return f"factor={write(length / window)}"


def _self_extend(window: int, length: int) -> str:
    near = max(1, window // 4)
    return f"group={max(2, math.ceil((length - near) / (REACH * window - near)))},window={near}"


def _leaky(window: int, length: int) -> str:
    near = max(1, window // 2)
    return f"window={near},stretch={write(max(1.0, (length - near) / (window - near)))}"


def _pcw(window: int, length: int) -> str:
    tail = min(TAIL, window // 4)
    windows = math.ceil((length - tail) / (window - tail))
    return f"window={math.ceil((length - tail) / windows)},windows={windows}"


def _dpe(window: int, length: int) -> str:
    scale = 2 ** max(0, math.ceil(math.log2(2 * length / window)))
    return f"scales={write((scale,) * GROUPS)},window={max(1, min(1024, window // 4))}"


SETTINGS: dict[str, Fill] = {
    **dict.fromkeys(("pi", "ntk_aware", "ntk_by_parts", "yarn", "llama3", "longrope2", "distributional"), _factor),
    "self_extend": _self_extend,
    "leaky_rerope": _leaky,
    "rerope": lambda window, length: f"window={max(1, window // 2)}",
    "dca": lambda window, length: f"chunk={window * 3 // 4},local={max(1, window // 8)}",
    "pcw": _pcw,
    "dpe": _dpe,
    "string": lambda window, length: f"offset={max(2, window // 3)},local={max(1, min(128, window // 8))}",
    "gali": lambda window, length: f"window={window}",
    "lm_infinite": lambda window, length: f"local={window},limit={window}",
}
"""What a method named alone is given; others run with their defaults."""


def candidates(
    names: Sequence[str], window: int, length: int, shipped: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Method strings of `auto`, `all`, names and method strings; InputError for what extends nothing.

    `shipped` has by name what searches found for this model: it is part of both sets, and what the name means.
    """
    here = [entry.name for entry in entries() if entry.seam in ("rope", "positions")]
    sets = {"auto": [name for name in AUTO if name in here], "all": [name for name in here if name not in APART]}
    every = [each for name in names for each in ([*sets[name], *shipped] if name in sets else [name])]
    return list(dict.fromkeys(method_of(shipped.get(name, name), window, length) for name in every))


def method_of(text: str, window: int, length: int) -> str:
    """A method string as it is, or of a name alone with fitting settings; InputError for what extends nothing."""
    homes = {entry.name: entry.seam for entry in entries() if entry.seam in ("rope", "positions")}
    name = text.strip().lower().replace("-", "_")
    if name in homes:
        fill = SETTINGS.get(name)
        text = f"{seam(homes[name]).key}={':'.join(filter(None, [name, fill(window, length) if fill else '']))}"
    elif "=" not in text:
        raise InputError(f"unknown method {text!r}: {choices(name, ['auto', 'all', *homes])}")
    if not Method.parse(text).extends:
        raise InputError(f"{text!r} does not reach beyond the window: name a method of rope= or positions=")
    return text
