"""A short story told in facts, a question about it, and the words all stories are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

WOMEN = ("Clara", "Greta", "Petra", "Wanda")
MEN = ("Felix", "Hugo", "Karl", "Oscar")
PEOPLE = WOMEN + MEN
PLACES = ("attic", "cellar", "chapel", "garage", "harbour", "library", "market", "stable")
THINGS = ("basket", "lantern", "trumpet", "umbrella")
GOES = ("walked to", "went over to", "hurried to", "moved on to", "came to")
TAKES = ("picked up", "grabbed", "took along")
DROPS = ("put down", "left behind", "let go of")
GIVES = ("handed", "gave", "passed on")
NEXT = ("Afterwards", "Then", "A moment later")
TIMES = ("Yesterday", "This morning", "This afternoon", "This evening")
"""From the earliest to the latest."""


@dataclass(frozen=True, slots=True)
class Story:
    """Facts in order, what is asked, and the answer."""

    facts: Sequence[str]
    question: str
    answer: str
    support: Sequence[int]
    """Numbers of the facts that the answer rests on; none where it rests on all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of story."""

    about: str
    """What its facts tell of, and how they are to be taken."""
    reply: str
    """What a reply is."""
    labels: Sequence[str]
    """All answers there are."""
    tell: Callable[[Random], Story]
    solve: Callable[[str, str], str]
    """A text and the question to the answer, by reading."""


def retell(random: Random, tell: Callable[[Random], Story | None]) -> Story:
    """Tell until there is a story that can be asked about."""
    while True:
        if story := tell(random):
            return story
