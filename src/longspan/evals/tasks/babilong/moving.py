"""Stories of people who move about: where they are, what they carry, what they gave to whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from longspan.evals.tasks.babilong.reading import read
from longspan.evals.tasks.babilong.story import (
    GOES,
    NEXT,
    PEOPLE,
    PLACES,
    THINGS,
    TIMES,
    WOMEN,
    Kind,
    Story,
    retell,
)
from longspan.evals.tasks.babilong.world import World

COUNTS = ("none", "one", "two", "three")
ONE_WORD = "Reply with one word, the place."
LATEST = "Only the place where somebody went last counts."
CARRIED = (
    "A thing that somebody took moves along with this person until it is left behind; then it stays where it was left."
)


def _live(world: World, deeds: Sequence[Callable[[], None]], events: int) -> None:
    world.move()
    while len(world.facts) < events:
        world.random.choice(deeds)()


def _one_fact(random: Random) -> Story:
    world = World(random)
    _live(world, [world.move], random.randint(4, 9))
    person = random.choice(sorted(world.place))
    return Story(world.facts, f"Where is {person}?", world.place[person], [world.moved[person]])


def _two_facts(random: Random) -> Story | None:
    world = World(random, people=3, things=2)
    _live(world, [world.move, world.move, world.take, world.drop], random.randint(8, 14))
    if not world.trail:
        return None
    thing = random.choice(sorted(world.trail))
    place, fact = world.trail[thing][-1]
    return Story(world.facts, f"Where is the {thing}?", place, sorted({fact, world.handled[thing]}))


def _three_facts(random: Random) -> Story | None:
    world = World(random, people=3, things=2)
    _live(world, [world.move, world.move, world.move, world.take, world.drop], random.randint(14, 22))
    for thing, trail in world.trail.items():
        if len(trail) > 1 and [place for place, _ in trail].count(trail[-1][0]) == 1:
            (before, first), (place, last) = trail[-2:]
            support = sorted({first, last, *([world.handled[thing]] if world.handled[thing] < last else [])})
            return Story(world.facts, f"Where was the {thing} before it came to the {place}?", before, support)
    return None


def _giving(random: Random) -> Story | None:
    world = World(random, things=3, places=2)
    _live(world, [world.move, world.take, world.give, world.give], random.randint(7, 13))
    if not world.given:
        return None
    gift = random.choice(world.given)
    giver, thing, getter, fact = gift
    hidden, question = random.choice(
        [
            (0, f"Who gave the {thing} to {getter}?"),
            (1, f"What did {giver} give to {getter}?"),
            (2, f"Who got the {thing} from {giver}?"),
        ]
    )
    alike = {each[hidden] for each in world.given if all(each[i] == gift[i] for i in range(3) if i != hidden)}
    return Story(world.facts, question, str(gift[hidden]), [fact]) if len(alike) == 1 else None


def _yes_no(random: Random) -> Story:
    world = World(random, places=4)
    _live(world, [world.move], random.randint(4, 9))
    person = random.choice(sorted(world.place))
    there = random.random() < 0.5
    place = world.place[person] if there else world.elsewhere(person)
    return Story(world.facts, f"Is {person} in the {place}?", "yes" if there else "no", [world.moved[person]])


def _carrying(random: Random, *, count: bool) -> Story | None:
    world = World(random, people=3, places=2)
    _live(world, [world.move, world.take, world.take, world.drop, world.give], random.randint(7, 13))
    person = random.choice([*world.people, *sorted(world.holder.values()) * 3])
    things = sorted(thing for thing, holder in world.holder.items() if holder == person)
    if len(things) >= len(COUNTS):
        return None
    if count:
        return Story(world.facts, f"How many things does {person} carry?", COUNTS[len(things)], ())
    return Story(world.facts, f"What does {person} carry?", ",".join(things) or "nothing", ())


def _negated(random: Random) -> Story:
    """Facts say where somebody is, or only where somebody is not."""
    world = World(random, places=4)
    absent: dict[str, str] = {}
    for _ in range(random.randint(4, 9)):
        person, place = random.choice(world.people), random.choice(world.places)
        if random.random() < 0.4:
            place = world.place.pop(person, place)
            absent[person] = place
            word = "no longer" if random.random() < 0.5 else "not"
            world.moved[person] = world.say(f"{person} is {word} in the {place}.")
        else:
            absent.pop(person, None)
            world.arrive(person, place, world.say(f"{person} is in the {place}."))
    person = random.choice(sorted(world.moved))
    there = person not in absent and random.random() < 0.6
    place = absent.get(person) or (world.place[person] if there else world.elsewhere(person))
    return Story(world.facts, f"Is {person} in the {place}?", "yes" if there else "no", [world.moved[person]])


def _undecided(random: Random) -> Story:
    """Facts leave open which of two places somebody is in."""
    world = World(random, places=5)
    either: dict[str, list[str]] = {}
    for _ in range(random.randint(4, 8)):
        person = random.choice(world.people)
        either[person] = random.sample(world.places, random.randint(1, 2))
        where = " or in the ".join(either[person])
        world.moved[person] = world.say(f"{person} is {'either ' if len(either[person]) > 1 else ''}in the {where}.")
    person = random.choice(sorted(either))
    place = random.choice([*either[person], random.choice(world.places)])
    answer = "no" if place not in either[person] else "maybe" if len(either[person]) > 1 else "yes"
    return Story(world.facts, f"Is {person} in the {place}?", answer, [world.moved[person]])


def _together(random: Random, *, size: int, again: bool) -> Story:
    """One or two people go somewhere, and where `again` says so go on from there under a pronoun."""
    world = World(random)
    for _ in range(random.randint(2, 5) if again else random.randint(4, 8)):
        group = random.sample(world.people, size)
        pronoun = "they" if size > 1 else "she" if group[0] in WOMEN else "he"
        for who in [" and ".join(group), *([f"{random.choice(NEXT)} {pronoun}"] if again else [])]:
            place = world.elsewhere(*group)
            fact = world.say(f"{who} {random.choice(GOES)} the {place}.")
            for person in group:
                world.arrive(person, place, fact)
    person = random.choice(sorted(world.place))
    support = {world.moved[person], world.moved[person] - again}
    return Story(world.facts, f"Where is {person}?", world.place[person], sorted(support))


def _times(random: Random) -> Story:
    """Facts are told out of order, each with its time."""
    people = random.sample(PEOPLE, 3)
    went = [(person, TIMES[-n:], random.sample(PLACES, n)) for person in people for n in [random.randint(2, 4)]]
    told = [
        (f"{time} {person} {random.choice(GOES)} the {place}.", person, place)
        for person, times, places in went
        for time, place in zip(times, places, strict=True)
    ]
    random.shuffle(told)
    person, _, places = random.choice(went)
    at = random.randrange(1, len(places))
    support = [
        number for number, (_, who, place) in enumerate(told) if who == person and place in places[at - 1 : at + 1]
    ]
    facts = [fact for fact, _, _ in told]
    return Story(facts, f"Where was {person} before going to the {places[at]}?", places[at - 1], support)


def _kind(about: str, reply: str, labels: Sequence[str], tell: Callable[[Random], Story | None]) -> Kind:
    return Kind(about, reply, labels, partial(retell, tell=tell), read)


KINDS = {
    "qa1": _kind(f"where people went. {LATEST}", ONE_WORD, PLACES, _one_fact),
    "qa2": _kind(f"where people went, and what they took and left. {CARRIED}", ONE_WORD, PLACES, _two_facts),
    "qa3": _kind(f"where people went, and what they took and left. {CARRIED}", ONE_WORD, PLACES, _three_facts),
    "qa5": _kind(
        "who gave what to whom.", "Reply with one word, the person or the thing.", (*PEOPLE, *THINGS), _giving
    ),
    "qa6": _kind(f"where people went. {LATEST}", "Reply with yes or no.", ("yes", "no"), _yes_no),
    "qa7": _kind(
        f"what people took, left and gave away. {CARRIED}",
        "Reply with none, one, two or three.",
        COUNTS,
        partial(_carrying, count=True),
    ),
    "qa8": _kind(
        f"what people took, left and gave away. {CARRIED}",
        "Reply with the things, a comma between two of them, or with nothing.",
        (*THINGS, "nothing"),
        partial(_carrying, count=False),
    ),
    "qa9": _kind(
        f"where people are, and where they are not. {LATEST.replace('went', 'was')}",
        "Reply with yes or no.",
        ("yes", "no"),
        _negated,
    ),
    "qa10": _kind(
        "where people are, or between which places that is open. What is told last of somebody counts.",
        "Reply with yes, no or maybe.",
        ("yes", "no", "maybe"),
        _undecided,
    ),
    "qa11": _kind(
        f"where people went. A pronoun stands for the person of the sentence of this kind before it. {LATEST}",
        ONE_WORD,
        PLACES,
        partial(_together, size=1, again=True),
    ),
    "qa12": _kind(
        f"where people went, two at a time. {LATEST}", ONE_WORD, PLACES, partial(_together, size=2, again=False)
    ),
    "qa13": _kind(
        f"where people went, two at a time. A pronoun stands for the people of the sentence of this kind before it. "
        f"{LATEST}",
        ONE_WORD,
        PLACES,
        partial(_together, size=2, again=True),
    ),
    "qa14": _kind(
        "where people went and when, in no order. Yesterday came first, then this morning, this afternoon and this "
        "evening.",
        ONE_WORD,
        PLACES,
        _times,
    ),
}
