"""Values of single fields as text: what a person types and what a result row records."""

from __future__ import annotations

import math
import re
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import quote, unquote

SUFFIXES = {"": 1, "k": 1024, "m": 1024**2}
INTEGER = re.compile(r"([+-]?\d[\d_]*)([km]?)", re.IGNORECASE)
NAMED: dict[type, dict[str, bool | None]] = {bool: {"true": True, "false": False}, NoneType: {"none": None}}
WORDS = {
    int: "a whole number (1024, 1_024 or 1k)",
    float: "a number (0.5)",
    bool: "true or false",
    str: "a text without spaces or commas",
    NoneType: "none",
}


def read(text: str, kind: Any) -> object:
    """Turn text into a value of an annotation; raises ValueError saying what is wanted.

    >>> read("4k", int), read("1|2|3", tuple[int, ...])
    (4096, (1, 2, 3))
    """
    try:
        return _read(text, kind)
    except (ValueError, KeyError):
        raise ValueError(f"wants {wanted(kind)}, not {text!r}") from None


def write(value: object) -> str:
    """Turn a value into the text that `read` takes.

    >>> write((1, 0.5, True))
    '1|0.5|true'
    """
    if isinstance(value, tuple):
        return "|".join(map(write, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    return quote(str(value), safe="/.-_~:+@") if isinstance(value, str) else str(value)


def wanted(kind: Any) -> str:
    """Describe an annotation's values in plain words."""
    arguments = get_args(kind)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(write, arguments))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(wanted, arguments))
    if get_origin(kind) is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"values separated by | (1|2|3), each {wanted(arguments[0])}"
        return f"{len(arguments)} values separated by | (1|2|3)"
    return WORDS.get(kind, "something that only Python code can give")


def _read(text: str, kind: Any) -> object:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {write(value): value for value in arguments}[text]
    if origin in (Union, UnionType):
        return _first(text, arguments)
    if origin is tuple:
        return _tuple(text.split("|") if text else [], arguments)
    if kind is str:
        return unquote(text)
    if kind in NAMED:
        return NAMED[kind][text.lower()]
    if kind is int:
        return _integer(text)
    if kind is float and not math.isnan(number := float(text)):
        return number
    raise ValueError(text)


def _first(text: str, kinds: tuple[Any, ...]) -> object:
    for kind in kinds:
        try:
            return _read(text, kind)
        except (ValueError, KeyError):
            continue
    raise ValueError(text)


def _tuple(parts: list[str], kinds: tuple[Any, ...]) -> tuple[object, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(parts)
    return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))


def _integer(text: str) -> int:
    if not (match := INTEGER.fullmatch(text)):
        raise ValueError(text)
    return int(match[1]) * SUFFIXES[match[2].lower()]
