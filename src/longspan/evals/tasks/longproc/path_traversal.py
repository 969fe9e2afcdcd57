"""Follow a long way from town to town, as in LongProc's path traversal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longproc import LINES_BEFORE_ERROR
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, room
from longspan.evals.words import distinct, nouns

ENDINGS = ["ton", "ville", "burg", "field", "ford", "port", "haven", "mouth", "dale", "wick", "stead", "bridge"]
BEFORE = ["", "New ", "Port ", "North ", "South ", "Upper ", "Lower ", "Great ", "Little "]
TRANSPORT = ("bus", "train", "ferry", "plane")
LINK = re.compile(r"^From (.+) there is only a (\w+) to (.+)\.$", re.MULTILINE)
ASKED = re.compile(r"the whole way from (.+) to (.+), one")


@dataclass(frozen=True, slots=True)
class PathTraversal:
    """LongProc path traversal: write down every leg of a way when each town leads to one other."""

    share: float = 0.3
    """Part of the length that the reply may take."""

    rule: ClassVar[Rule] = LINES_BEFORE_ERROR

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="write down a way of many legs through towns that lead to one other each",
            ability="long generation",
            scope="high",
            diffusion="high",
            paper=PAPER,
            shortest=512,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets the number of legs, and towns off the way fill what is left."""
        legs = lines(ask, self.share, "Take the train from North Lanternville to Great Marbleport.")
        random = ask.random()
        way = distinct(random, _town, legs + 1)
        means = [random.choice(TRANSPORT) for _ in way]
        most = room(ask, f"<Way>\n{_legs(way, means)}\n</Way>")
        return fit(ask, lambda size: self._build(ask, size, way, means, most), guess=ask.length // 32)

    def solve(self, sample: Sample) -> str:
        """The legs from the first town asked for to the last."""
        links = {start: (means, end) for start, means, end in LINK.findall(sample.context)}
        ((start, goal),) = ASKED.findall(sample.after)
        way, means = [start], []
        while way[-1] != goal:
            by, town = links[way[-1]]
            means.append(by)
            way.append(town)
        return f"<Way>\n{_legs(way, means)}\n</Way>"

    def _build(self, ask: Ask, size: int, way: list[str], means: list[str], most: int) -> Sample:
        random = Random(f"{ask.id} towns")
        others = [town for town in distinct(random, _town, size + len(way)) if town not in way][:size]
        onward = {town: (by, end) for town, by, end in zip(way, means, way[1:], strict=False)}
        towns = [*way, *others]
        onward |= {town: (random.choice(TRANSPORT), random.choice(towns)) for town in [way[-1], *others]}
        random.shuffle(towns)
        rows = [f"From {town} there is only a {onward[town][0]} to {onward[town][1]}." for town in towns]
        return ask.sample(
            before="Every town below has a single connection, to one other town and not back.\n\n",
            context="\n".join(rows),
            after=f"\n\nWrite the whole way from {way[0]} to {way[-1]}, one leg a line, between <Way> and </Way>:\n"
            "<Way>\nTake the <transport> from <town> to <town>.\n...\n</Way>\nLook up where the town you have reached "
            "leads to, write that leg, and go on until you are there. Write nothing else.",
            answers=(_legs(way, means),),
            max_tokens=most,
            data={"tag": "Way"},
        )


def _town(random: Random) -> str:
    return f"{random.choice(BEFORE)}{random.choice(nouns()).capitalize()}{random.choice(ENDINGS)}"


def _legs(way: list[str], means: list[str]) -> str:
    legs = zip(means, way, way[1:], strict=False)
    return "\n".join(f"Take the {by} from {start} to {end}." for by, start, end in legs)


TASKS = {"longproc/path_traversal": PathTraversal()}
