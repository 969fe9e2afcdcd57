"""Plan a trip by search, as in LongProc's travel planning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longproc import TRIP
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, room
from longspan.evals.words import names

FLIGHT = re.compile(r"^(\w+) to (\w+)$", re.MULTILINE)
STAY = re.compile(r"- (\w+): (\d+) days(?:, from day (\d+))?$", re.MULTILINE)


@dataclass(slots=True)
class Trip:
    """Cities to visit, in the order they are named, and what is known of the plan."""

    days: dict[str, int]
    """Days in each city, the ones of arrival and departure included."""
    fixed: dict[str, int]
    """The day of arrival where that is settled."""
    flights: set[tuple[str, str]]
    log: list[str] = field(default_factory=list)

    def plan(self, so_far: tuple[str, ...] = (), day: int = 1) -> tuple[str, ...]:
        """The first plan that a search in the order of the cities finds, each step in `log`; empty where none is."""
        if len(so_far) == len(self.days):
            return so_far
        here = [city for city, arrival in self.fixed.items() if arrival == day and city not in so_far]
        for city in here or [city for city in self.days if city not in so_far and city not in self.fixed]:
            leaving = day + self.days[city] - 1
            obstacle = self._obstacle(so_far, city, leaving)
            self.log.append(f"{'  ' * len(so_far)}Day {day}, {city} until day {leaving}: {obstacle or 'possible'}.")
            if not obstacle and (found := self.plan((*so_far, city), leaving)):
                return found
        return ()

    def plans(self) -> int:
        """How many plans there are, 2 for more than one."""
        open_plans: list[tuple[tuple[str, ...], int]] = [((), 1)]
        found = 0
        while open_plans and found < 2:
            so_far, day = open_plans.pop()
            found += len(so_far) == len(self.days)
            for city, stay in self.days.items():
                on_time = self.fixed.get(city, day) == day
                if city not in so_far and on_time and not self._obstacle(so_far, city, day + stay - 1):
                    open_plans.append(((*so_far, city), day + stay - 1))
        return found

    def _obstacle(self, so_far: tuple[str, ...], city: str, leaving: int) -> str:
        if so_far and (so_far[-1], city) not in self.flights:
            return f"no flight from {so_far[-1]}"
        late = [other for other, day in self.fixed.items() if other not in (*so_far, city) and day < leaving]
        return f"too late for {late[0]}" if late else ""

    def told(self, plan: tuple[str, ...]) -> str:
        """A plan as its lines of stays and flights."""
        day, rows = 1, []
        for city, onward in zip(plan, (*plan[1:], ""), strict=True):
            leaving = day + self.days[city] - 1
            rows.append(f"Day {day}-{leaving}: stay in {city}.")
            rows += [f"Day {leaving}: fly from {city} to {onward}."] if onward else []
            day = leaving
        return "\n".join(rows)

    def reply(self) -> str:
        """The search and the plan it ends with."""
        self.log.clear()
        plan = self.told(self.plan())
        return "\n".join(self.log) + f"\n<Plan>\n{plan}\n</Plan>"


@dataclass(frozen=True, slots=True)
class TravelPlanning:
    """LongProc travel planning: order cities by stays, fixed days and one-way flights, in a written search."""

    share: float = 0.4
    """Part of the length that the reply may take."""
    most: int = 10
    """Cities to visit at most."""

    rule: ClassVar[Rule] = TRIP

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="plan a trip under fixed days and one-way flights by a search that is written down in full",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper=PAPER,
            shortest=768,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets how long the search is, and flights between other cities fill what is left."""
        random = ask.random()
        tried = lines(ask, self.share, "    Day 12, Barcelona until day 15: no flight from Edinburgh.", least=8)
        trips = [_trip(random, random.randint(4, self.most)) for _ in range(24)]
        sizes = [trip.reply().count("\n") for trip in trips]
        trip = trips[min(range(24), key=lambda index: (sizes[index] > tried, abs(sizes[index] - tried)))]
        plan, most = trip.plan(), room(ask, trip.reply())
        return fit(ask, lambda size: self._build(ask, size, trip, plan, most), guess=ask.length // 16)

    def solve(self, sample: Sample) -> str:
        """The search through the cities and flights of the prompt."""
        stays = STAY.findall(sample.after)
        days = {city: int(stay) for city, stay, _ in stays}
        fixed = {city: int(day) for city, _, day in stays if day}
        return Trip(days, fixed, set(FLIGHT.findall(sample.context))).reply()

    def _build(self, ask: Ask, size: int, trip: Trip, plan: tuple[str, ...], most: int) -> Sample:
        random = Random(f"{ask.id} flights")
        others = [city for city in names("cities") if city not in trip.days]
        rows = [f"{start} to {end}" for start, end in sorted(trip.flights)]
        for _ in range(size):
            start = random.choice(others)
            end = random.choice([city for city in names("cities") if city != start])
            rows.append(" to ".join(random.sample([start, end], 2)))
        random.shuffle(rows)
        fixed = {city: f", from day {trip.fixed[city]}" if city in trip.fixed else "" for city in trip.days}
        stays = "\n".join(f"- {city}: {days} days{fixed[city]}" for city, days in trip.days.items())
        return ask.sample(
            before="These flights are the only ones there are, and each goes one way only:\n\n",
            context="\n".join(rows),
            after=f"\n\nPlan a trip that begins on day 1, anywhere, and visits:\n{stays}\nThe days of arrival and of "
            "departure count as days of both cities: whoever arrives on day 4 and stays 3 days flies on on day 6. "
            "Where a day is given, it is the day of arrival.\nSearch in the order of the list and write every try on a "
            "line of its own: the day, the city, until when, and whether there is a flight and the next given day can "
            "be kept. Then write the plan between <Plan> and </Plan> like this:\n<Plan>\nDay 1-4: stay in <city>.\n"
            "Day 4: fly from <city> to <city>.\n...\n</Plan>",
            answers=(trip.told(plan),),
            max_tokens=most,
            data={
                "ground_truth_cities": "**".join(plan),
                "ground_truth_durations": "**".join(str(trip.days[city]) for city in plan),
            },
        )


def _trip(random: Random, cities: int) -> Trip:
    """A trip with one plan: from many flights between its cities, those are taken away that make a second one."""
    order = random.sample(names("cities"), cities)
    days = {city: random.randint(2, 6) for city in order}
    arrivals = {city: 1 + sum(days[before] - 1 for before in order[:index]) for index, city in enumerate(order)}
    fixed = sorted(random.sample(order[1:], cities // 4), key=arrivals.__getitem__)
    needed = set(pairwise(order))
    spare = [(a, b) for a in order for b in order if a != b and (a, b) not in needed and random.random() < 0.5]
    listed = {city: days[city] for city in random.sample(order, cities)}
    trip = Trip(listed, {city: arrivals[city] for city in fixed}, needed | set(spare))
    while trip.plans() > 1:
        trip.flights.discard(spare.pop())
    return trip


TASKS = {"longproc/travel_planning": TravelPlanning()}
