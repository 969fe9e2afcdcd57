"""Words, names and numbers that samples are made of."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cache
from importlib import resources
from random import Random


@cache
def nouns() -> tuple[str, ...]:
    """Common English nouns, one word each."""
    return _listed("noun")


@cache
def adjectives() -> tuple[str, ...]:
    """Common English adjectives, one word each."""
    return _listed("adjective")


@cache
def vocabulary() -> tuple[str, ...]:
    """Common English words of all kinds, about 8,000 different ones."""
    return tuple(sorted({*nouns(), *adjectives(), *_listed("verb")}))


def pair(random: Random) -> str:
    """An adjective and a noun, `brave-lamp`: one of six million."""
    return f"{random.choice(adjectives())}-{random.choice(nouns())}"


def number(random: Random, digits: int = 7) -> str:
    """A number of so many digits that does not begin with 0."""
    return str(random.randint(10 ** (digits - 1), 10**digits - 1))


def unique_id(random: Random) -> str:
    """A random UUID of version 4."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


@cache
def names(kind: str) -> tuple[str, ...]:
    """The list of a kind in `names.txt`: first names, last names or cities."""
    text = resources.files("longspan.evals").joinpath("names.txt").read_text(encoding="utf-8")
    return tuple(text.partition(f"[{kind}]\n")[2].partition("[")[0].split())


def person(random: Random) -> str:
    """A first and a last name: one of about 15,000."""
    return f"{random.choice(names('first names'))} {random.choice(names('last names'))}"


def distinct(random: Random, draw: Callable[[Random], str], n: int) -> list[str]:
    """`n` different words of `draw(random)`."""
    found: dict[str, None] = {}
    while len(found) < n:
        found[draw(random)] = None
    return list(found)


def _listed(kind: str) -> tuple[str, ...]:
    from wonderwords import RandomWord, filter_profanity

    words = filter_profanity(RandomWord().filter(include_categories=[kind]))
    return tuple(sorted({word.lower() for word in words if word.isalpha()}))
