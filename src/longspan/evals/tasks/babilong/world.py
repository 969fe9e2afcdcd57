"""People who move about and carry things, told fact by fact."""

from __future__ import annotations

from random import Random

from longspan.evals.tasks.babilong.story import DROPS, GIVES, GOES, PEOPLE, PLACES, TAKES, THINGS


class World:
    """Where everybody and everything is, as far as the facts told so far say."""

    def __init__(
        self, random: Random, *, people: int = 4, things: int = len(THINGS), places: int = len(PLACES)
    ) -> None:
        self.random = random
        self.people = random.sample(PEOPLE, people)
        self.things = random.sample(THINGS, things)
        self.places = random.sample(PLACES, places)
        self.facts: list[str] = []
        self.place: dict[str, str] = {}
        """Where a person is."""
        self.moved: dict[str, int] = {}
        """The fact that tells where a person is."""
        self.holder: dict[str, str] = {}
        """Who carries a thing."""
        self.handled: dict[str, int] = {}
        """The last fact that names a thing."""
        self.trail: dict[str, list[tuple[str, int]]] = {}
        """Places a thing was in, one after the other, each with the fact that brought it there."""
        self.given: list[tuple[str, str, str, int]] = []
        """Who gave what to whom, and the fact."""

    def say(self, fact: str) -> int:
        """Tell a fact; its number."""
        self.facts.append(fact)
        return len(self.facts) - 1

    def elsewhere(self, *people: str) -> str:
        """A place where none of the people is."""
        taken = {self.place.get(person) for person in people}
        return self.random.choice([place for place in self.places if place not in taken])

    def arrive(self, person: str, place: str, fact: int) -> None:
        """Have a person at a place, and all that this one carries."""
        self.place[person], self.moved[person] = place, fact
        for thing, holder in self.holder.items():
            if holder == person:
                self.trail[thing].append((place, fact))

    def move(self) -> None:
        """Somebody goes somewhere else."""
        person = self.random.choice(self.people)
        place = self.elsewhere(person)
        self.arrive(person, place, self.say(f"{person} {self.random.choice(GOES)} the {place}."))

    def take(self) -> None:
        """Somebody takes a thing that is there, or was not told of before; nothing happens where that is impossible."""
        person = self.random.choice(self.people)
        here = self.place.get(person)
        free = [each for each in self.things if each not in self.holder and self.lies(each) in (here, None)]
        if not free or here is None:
            return
        thing = self.random.choice(free)
        fact = self.say(f"{person} {self.random.choice(TAKES)} the {thing}.")
        self.holder[thing], self.handled[thing] = person, fact
        if thing not in self.trail:
            self.trail[thing] = [(here, self.moved[person])]

    def drop(self) -> None:
        """Somebody leaves a thing; nothing happens where nobody has one."""
        if self.holder:
            thing = self.random.choice(sorted(self.holder))
            person = self.holder.pop(thing)
            self.handled[thing] = self.say(f"{person} {self.random.choice(DROPS)} the {thing}.")

    def give(self) -> None:
        """Somebody gives a thing to another at the same place; nothing happens where there is none."""
        near = [
            (giver, thing, getter)
            for thing, giver in sorted(self.holder.items())
            for getter in self.people
            if getter != giver and self.place.get(getter) == self.place[giver]
        ]
        if near:
            giver, thing, getter = self.random.choice(near)
            fact = self.say(f"{giver} {self.random.choice(GIVES)} the {thing} to {getter}.")
            self.holder[thing], self.handled[thing] = getter, fact
            self.given.append((giver, thing, getter, fact))

    def lies(self, thing: str) -> str | None:
        """Where a thing is; None where no fact told."""
        return self.trail[thing][-1][0] if thing in self.trail else None
