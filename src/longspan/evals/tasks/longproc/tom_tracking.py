"""Keep account of who believes what, as in LongProc's theory-of-mind tracking."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import plant
from longspan.evals.metrics.longproc import LINES_BEFORE_ERROR
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, notes, room
from longspan.evals.words import distinct, names, nouns

ROOMS = ("attic", "cellar", "kitchen", "library", "workshop", "greenhouse", "hall", "pantry")
FURNITURE = ("shelf", "table", "crate", "drawer", "bench", "basket")
START = re.compile(r"(\w+) is in the (\w+)\.")
LIES = re.compile(r"The (\w+) is at the (\w+ \w+)\.")
STEP = re.compile(
    r"^Step \d+: (\w+) (?:goes to the (\w+)(?: with the (\w+) and leaves it at the (\w+ \w+))?|"
    r"puts the (\w+) at the (\w+ \w+))\.$"
)
ASKED = re.compile(r"what (\w+) believes about the (\w+)")


@dataclass(slots=True)
class Story:
    """Where everybody and everything is, and what one person believes about one thing."""

    person: str
    thing: str
    rooms: dict[str, str]
    """The room each person is in."""
    places: dict[str, str]
    """Where each thing lies: a room and a piece of furniture in it, `attic shelf`."""
    belief: str = "unknown"
    account: list[str] = field(default_factory=list)

    def see(self) -> None:
        """Update the belief, and note the state as the next line of the account."""
        place = self.places[self.thing]
        if place.split()[0] == self.rooms[self.person]:
            self.belief = place
        told = f"{self.person} in {self.rooms[self.person]}, {self.thing} at {place}, believed at {self.belief}"
        self.account.append(f"Step {len(self.account)}: {told}")

    def step(self, person: str, room: str, thing: str, place: str) -> None:
        """Somebody goes to a room, or puts a thing at a place, or both; empty: does not."""
        self.rooms[person] = room or self.rooms[person]
        if thing:
            self.places[thing] = place
        self.see()


@dataclass(frozen=True, slots=True)
class TomTracking:
    """LongProc theory-of-mind tracking: after each step, where somebody and something are, and the belief about it."""

    share: float = 0.35
    """Part of the length that the reply may take."""

    rule: ClassVar[Rule] = LINES_BEFORE_ERROR

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="say after each step of a story where a person and a thing are, and where the one believes the other",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper=PAPER,
            shortest=640,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets the number of steps, and notes of real text between them fill what is left."""
        steps = lines(
            ask, self.share, "Step 25: Helena in greenhouse, lantern at workshop crate, believed at attic shelf"
        )
        told, story = _tell(ask.random(), steps)
        reference = "\n".join(story.account)
        most = room(ask, f"<Account>\n{reference}\n</Account>")
        return fit(ask, lambda size: self._build(ask, size, told, story, most), guess=ask.length // 4)

    def solve(self, sample: Sample) -> str:
        """The account of the story as it is told."""
        ((person, thing),) = ASKED.findall(sample.after)
        opening, *told = [line for line in sample.context.splitlines() if line.startswith("Step ")]
        story = Story(person, thing, dict(START.findall(opening)), dict(LIES.findall(opening)))
        story.see()
        for line in told:
            found = STEP.fullmatch(line)
            assert found, line
            who, room, carried, there, put, here = (part or "" for part in found.groups())
            story.step(who, room, carried or put, there or here)
        return "<Account>\n" + "\n".join(story.account) + "\n</Account>"

    def _build(self, ask: Ask, size: int, told: list[str], story: Story, most: int) -> Sample:
        random = ask.random()
        between = notes(ask, random, size)
        places = sorted(random.randint(0, len(between)) for _ in told)
        context, spans = plant(between, told, places, joint="\n")
        return ask.sample(
            before="Some people move things about a house. Whoever is in one room with a thing sees where it is; "
            "whoever is not goes on believing what they believed, which is unknown if they never saw it.\n\n",
            context=context,
            after="\n\nNotes are no part of the story. Keep account, from step 0 to the last and one line a step, of "
            f"what {story.person} believes about the {story.thing}, between <Account> and </Account>:\n<Account>\n"
            f"Step 0: {story.person} in <room>, {story.thing} at <room> <furniture>, believed at <room> <furniture> or "
            "unknown\n...\n</Account>",
            answers=("\n".join(story.account),),
            max_tokens=most,
            spans=spans,
            data={"tag": "Account"},
        )


def _tell(random: Random, steps: int) -> tuple[list[str], Story]:
    """The sentences of a story of so many steps, and its end."""
    people = distinct(random, lambda draw: draw.choice(names("first names")), 3)
    rooms = random.sample(ROOMS, 3)
    places = [f"{room} {piece}" for room in rooms for piece in random.sample(FURNITURE, 3)]
    short = [noun for noun in nouns() if len(noun) < 8]
    things = distinct(random, lambda draw: draw.choice(short), 3)
    story = Story(
        people[0],
        things[0],
        {person: random.choice(rooms) for person in people},
        {thing: random.choice(places) for thing in things},
    )
    opening = [f"{person} is in the {room}." for person, room in story.rooms.items()]
    opening += [f"The {thing} is at the {place}." for thing, place in story.places.items()]
    told = [f"Step 0: {' '.join(opening)}"]
    story.see()
    while len(told) <= steps:
        move = _move(random, story, rooms, places)
        told.append(f"Step {len(told)}: {_sentence(*move)}")
        story.step(*move)
    return told, story


def _move(random: Random, story: Story, rooms: list[str], places: list[str]) -> tuple[str, str, str, str]:
    """Who does what next: somebody goes elsewhere, with a thing that is at hand or without, or moves one here."""
    person = random.choice(list(story.rooms))
    here = story.rooms[person]
    at_hand = [thing for thing, place in story.places.items() if place.split()[0] == here]
    stays = bool(at_hand) and random.random() < 0.5
    room = here if stays else random.choice([room for room in rooms if room != here])
    thing = random.choice(at_hand) if at_hand and (stays or random.random() < 0.4) else ""
    there = [place for place in places if place.split()[0] == room and place != story.places.get(thing)]
    return person, "" if stays else room, thing, random.choice(there) if thing else ""


def _sentence(person: str, room: str, thing: str, place: str) -> str:
    if not room:
        return f"{person} puts the {thing} at the {place}."
    return f"{person} goes to the {room}" + (f" with the {thing} and leaves it at the {place}." if thing else ".")


TASKS = {"longproc/tom_tracking": TomTracking()}
