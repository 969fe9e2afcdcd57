"""Needle threading's rules: a reply is a Python literal, compared with the values asked for.

The authors publish a script for one value, in the README of jonathan-roberts1/needle-threading; it stops at a reply
that is no literal, where these rules take the words of the reply themselves. For lists there is the paper alone
(https://arxiv.org/abs/2411.05000): the share of values found, here out of those given too, so that giving all does
not pay.
"""

from __future__ import annotations

import ast
import re
import warnings

from longspan.evals.task import Rule, Sample

ORIGIN = "jonathan-roberts1/needle-threading 006f8f5"
LONGEST = 100_000
"""Characters of a reply that are read as a literal; a longer one is words."""
_PIECES = re.compile(r"[^\s,;\[\](){}\"'`]+")


def value(prediction: str, sample: Sample) -> float:
    """1 when the reply, as a literal, begins with the value: what follows it is cut off, as in the README's script."""
    answer = sample.answers[0]
    return float(_literal(prediction)[: len(answer)] == answer)


def values(prediction: str, sample: Sample) -> float:
    """Values asked for that the reply's list has, out of as many as it gives or should; order does not count."""
    given, wanted = set(_list(prediction)), set(sample.answers)
    return len(given & wanted) / max(len(given), len(wanted))


def _literal(prediction: str) -> str:
    read = _parse(prediction)
    return read if isinstance(read, str) else prediction.strip()


def _list(prediction: str) -> list[str]:
    read = _parse(prediction)
    if isinstance(read, list | tuple | set):
        return [str(item) for item in read]
    return _PIECES.findall(read if isinstance(read, str) else prediction)


def _parse(prediction: str) -> object:
    if len(prediction) > LONGEST:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # backslashes that no literal should have
            return ast.literal_eval(prediction.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


VALUE = Rule("threading.value", value, ORIGIN)
VALUES = Rule("threading.values", values, "https://arxiv.org/abs/2411.05000")
