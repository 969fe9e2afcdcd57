"""Stories of people who move about, read back from a text and followed fact by fact."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from longspan.evals.tasks.babilong.story import DROPS, GIVES, GOES, NEXT, PEOPLE, PLACES, TAKES, THINGS, TIMES


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_PLACE, _THING = _any(PLACES), _any(THINGS)
FACT = re.compile(
    rf"(?:(?P<time>{_any(TIMES)}) |{_any(NEXT)} )?"
    rf"(?P<who>she|he|they|{_any(PEOPLE)}(?: and {_any(PEOPLE)})?) (?:"
    rf"{_any(GOES)} the (?P<to>{_PLACE})"
    rf"|{_any(TAKES)} the (?P<took>{_THING})"
    rf"|{_any(DROPS)} the (?P<left>{_THING})"
    rf"|{_any(GIVES)} the (?P<gave>{_THING}) to (?P<whom>{_any(PEOPLE)})"
    rf"|is (?:not|no longer) in the (?P<out>{_PLACE})"
    rf"|is (?:either )?in the (?P<in>{_PLACE})(?: or in the (?P<or>{_PLACE}))?)\."
)
COUNTED = ("none", "one", "two", "three")


@dataclass
class Known:
    """What the facts read so far say."""

    places: dict[str, set[str]] = field(default_factory=dict)
    """Where a person may be; empty: anywhere but in `out`."""
    out: dict[str, str] = field(default_factory=dict)
    carries: dict[str, list[str]] = field(default_factory=dict)
    track: dict[str, list[str]] = field(default_factory=dict)
    """Places a thing was in."""
    gifts: list[tuple[str, str, str]] = field(default_factory=list)
    dated: list[tuple[str, str, str]] = field(default_factory=list)
    """Person, time and place of the facts that have a time."""


def read(text: str, question: str) -> str:
    """What the facts in a text say to a question."""
    known, before = Known(), ""
    for fact in FACT.finditer(text):
        before = before if fact["who"] in ("she", "he", "they") else fact["who"]
        for person in before.split(" and "):
            _follow(known, person, fact)
    return _answer(known, question)


def _follow(known: Known, person: str, fact: re.Match[str]) -> None:
    if fact["time"]:
        known.dated.append((person, fact["time"], fact["to"]))
    elif fact["to"] or fact["in"]:
        known.places[person] = {fact["to"] or fact["in"], fact["or"] or fact["to"] or fact["in"]}
        for thing in known.carries.get(person, []):
            known.track[thing].append(fact["to"] or fact["in"])
    elif fact["out"]:
        known.places[person], known.out[person] = set(), fact["out"]
    elif fact["took"]:
        known.carries.setdefault(person, []).append(fact["took"])
        known.track.setdefault(fact["took"], [*known.places[person]])
    elif fact["left"]:
        known.carries[person].remove(fact["left"])
    else:
        known.carries[person].remove(fact["gave"])
        known.carries.setdefault(fact["whom"], []).append(fact["gave"])
        known.gifts.append((person, fact["gave"], fact["whom"]))


def _answer(known: Known, question: str) -> str:
    words = question.rstrip("?").split(" ")
    match words:
        case ["Where", "is", "the", thing]:
            return known.track[thing][-1]
        case ["Where", "is", person]:
            return min(known.places[person])
        case ["Is", person, "in", "the", place]:
            may_be = known.places[person]
            return "no" if place not in may_be else "yes" if len(may_be) == 1 else "maybe"
        case ["Where", "was", "the", thing, *_, place]:
            return known.track[thing][known.track[thing].index(place) - 1]
        case ["Where", "was", person, *_, place]:
            went = sorted((TIMES.index(time), where) for who, time, where in known.dated if who == person)
            places = [where for _, where in went]
            return places[places.index(place) - 1]
        case ["How", "many", "things", "does", person, "carry"]:
            return COUNTED[len(known.carries.get(person, []))]
        case ["What", "does", person, "carry"]:
            return ",".join(sorted(known.carries.get(person, []))) or "nothing"
    return _gift(known, words)


def _gift(known: Known, words: list[str]) -> str:
    match words:
        case ["Who", "gave", "the", thing, "to", getter]:
            return next(giver for giver, gift, to in known.gifts if (gift, to) == (thing, getter))
        case ["What", "did", giver, "give", "to", getter]:
            return next(gift for who, gift, to in known.gifts if (who, to) == (giver, getter))
        case ["Who", "got", "the", thing, "from", giver]:
            return next(to for who, gift, to in known.gifts if (who, gift) == (giver, thing))
    raise ValueError(f"no question that can be answered: {' '.join(words)}")
