"""Stories of how things stand to each other: directions, sizes, kinds, colours and wishes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from random import Random

from longspan.evals.metrics.babilong import LABELS
from longspan.evals.tasks.babilong.story import PEOPLE, PLACES, Kind, Story, retell

STEPS = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}
SIDES = {"above": (0, 1), "below": (0, -1), "to the right of": (1, 0), "to the left of": (-1, 0)}
SHAPES = ("red circle", "blue cone", "green star", "black ring", "white cross")
BOXES = ("bamboo box", "cardboard box", "glass box", "leather box", "steel box", "tin box", "wicker box")
ANIMALS = {"fox": "foxes", "goat": "goats", "hare": "hares", "owl": "owls"}
COLOURS = ("brown", "grey", "purple", "turquoise")
WISHES = {"hungry": "kitchen", "tired": "bedroom", "thirsty": "fountain", "bored": "playground"}
GRID = re.compile(rf"The ({'|'.join(PLACES)}) is (north|south|east|west) of the ({'|'.join(PLACES)})\.")
DRAWN = re.compile(rf"The ({'|'.join(SHAPES)}) is ({'|'.join(SIDES)}) the ({'|'.join(SHAPES)})\.")
SIZES = re.compile(rf"The ({'|'.join(BOXES)}) (fits inside|is bigger than) the ({'|'.join(BOXES)})\.")
FEARS = re.compile(rf"All ({'|'.join(ANIMALS.values())}) are afraid of ({'|'.join(ANIMALS.values())})\.")
IS_A = re.compile(rf"({'|'.join(PEOPLE)}) is an? ({'|'.join(ANIMALS)})\.")
HUED = re.compile(rf"({'|'.join(PEOPLE)}) is ({'|'.join(COLOURS)})\.")
MOOD = re.compile(rf"({'|'.join(PEOPLE)}) is ({'|'.join(WISHES)})\.")
Point = tuple[int, int]


def _opposite(steps: dict[str, Point], step: str) -> str:
    x, y = steps[step]
    return next(each for each, point in steps.items() if point == (-x, -y))


def _side_by_side(random: Random) -> Story:
    """Two places on different sides of a third."""
    first, middle, last = random.sample(PLACES, 3)
    one, other = random.sample(list(STEPS), 2)
    facts = [f"The {first} is {one} of the {middle}."]
    back = random.random() < 0.5
    facts.append(
        f"The {middle} is {_opposite(STEPS, other)} of the {last}."
        if back
        else f"The {last} is {other} of the {middle}."
    )
    random.shuffle(facts)
    question = random.choice([f"What is {one} of the {middle}?", f"What is the {middle} {_opposite(STEPS, one)} of?"])
    return Story(facts, question, first, [facts.index(f"The {first} is {one} of the {middle}.")])


def _read_side(text: str, question: str) -> str:
    pairs: dict[tuple[str, str], str] = {(step, b): a for a, step, b in GRID.findall(text)}
    pairs |= {(_opposite(STEPS, step), a): b for (step, b), a in list(pairs.items())}
    if asked := re.fullmatch(r"What is (\w+) of the (\w+)\?", question):
        return pairs[asked[1], asked[2]]
    place, step = re.findall(r"the (\w+) (\w+) of\?", question)[0]
    return pairs[_opposite(STEPS, step), place]


def _fear(random: Random) -> Story:
    """What somebody is afraid of by what somebody is."""
    kinds = list(ANIMALS)
    fears = {kind: random.choice([other for other in kinds if other != kind]) for kind in kinds}
    people = random.sample(PEOPLE, 4)
    are = {person: random.choice(kinds) for person in people}
    told = [(f"All {ANIMALS[a]} are afraid of {ANIMALS[b]}.", a) for a, b in fears.items()]
    told += [(f"{person} is {'an' if kind == 'owl' else 'a'} {kind}.", person) for person, kind in are.items()]
    random.shuffle(told)
    person = random.choice(people)
    support = [number for number, (_, about) in enumerate(told) if about in (person, are[person])]
    return Story([fact for fact, _ in told], f"What is {person} afraid of?", fears[are[person]], support)


def _read_fear(text: str, question: str) -> str:
    kind = dict(IS_A.findall(text))[question.split(" ")[2]]
    fears = dict(FEARS.findall(text))
    return next(each for each, several in ANIMALS.items() if several == fears[ANIMALS[kind]])


def _colour(random: Random) -> Story:
    """The colour of somebody by that of another of the same kind."""
    kinds = random.sample(list(ANIMALS), 3)
    hues = dict(zip(kinds, random.sample(COLOURS, 3), strict=True))
    people = random.sample(PEOPLE, 5)
    are = dict(zip(people, [*kinds, *random.sample(kinds, 2)], strict=True))
    asked = people[-1]
    told = [(f"{person} is {'an' if kind == 'owl' else 'a'} {kind}.", person) for person, kind in are.items()]
    told += [(f"{person} is {hues[kind]}.", person) for person, kind in are.items() if person != asked]
    random.shuffle(told)
    alike = [person for person in people if are[person] == are[asked]]
    support = [number for number, (_, about) in enumerate(told) if about in alike]
    return Story([fact for fact, _ in told], f"What colour is {asked}?", hues[are[asked]], support)


def _read_colour(text: str, question: str) -> str:
    asked = question.rstrip("?").split(" ")[-1]
    kinds: dict[str, str] = dict(IS_A.findall(text))
    hues: dict[str, str] = dict(HUED.findall(text))
    return next(hue for person, hue in hues.items() if kinds[person] == kinds[asked])


def _drawing(random: Random) -> Story:
    """Two shapes by how each stands to a third; straight above, below or beside it."""
    first, middle, last = random.sample(SHAPES, 3)
    one, other = random.choice(list(SIDES)), random.choice(list(SIDES))
    (x, y), (u, v) = SIDES[one], SIDES[other]
    apart = (x - u, y - v)
    asked = [side for side, (a, b) in SIDES.items() if a * apart[0] + b * apart[1]]
    if not asked:
        return _drawing(random)
    side = random.choice(asked)
    right = SIDES[side][0] * apart[0] + SIDES[side][1] * apart[1] > 0
    facts = [f"The {first} is {one} the {middle}.", f"The {last} is {other} the {middle}."]
    if random.random() < 0.5:
        facts[1] = f"The {middle} is {_opposite(SIDES, other)} the {last}."
    random.shuffle(facts)
    return Story(facts, f"Is the {first} {side} the {last}?", "yes" if right else "no", [0, 1])


def _read_drawing(text: str, question: str) -> str:
    first, side, last = re.findall(rf"Is the (.+?) ({'|'.join(SIDES)}) the (.+)\?", question)[0]
    at = _points([(a, SIDES[way], b) for a, way, b in DRAWN.findall(text)], last)
    x, y = SIDES[side]
    return "yes" if at[first][0] * x + at[first][1] * y > 0 else "no"


def _points(facts: Sequence[tuple[str, Point, str]], origin: str) -> dict[str, Point]:
    """Where everything is by facts that a thing is a step from another."""
    at = {origin: (0, 0)}
    for _ in facts:
        for a, (x, y), b in facts:
            if b in at:
                at.setdefault(a, (at[b][0] + x, at[b][1] + y))
            elif a in at:
                at[b] = (at[a][0] - x, at[a][1] - y)
    return at


def _sizes(random: Random) -> Story:
    """Which of two things is bigger by way of those between them."""
    boxes = random.sample(BOXES, 5)  # from the smallest to the biggest
    told = []
    for small, big in pairwise(boxes):
        inside = random.random() < 0.5
        told.append(f"The {small} fits inside the {big}." if inside else f"The {big} is bigger than the {small}.")
    chain = list(told)
    random.shuffle(told)
    low, high = sorted(random.sample(range(5), 2))
    support = sorted(told.index(fact) for fact in chain[low:high])
    right = random.random() < 0.5
    a, b = (boxes[low], boxes[high]) if right else (boxes[high], boxes[low])
    question = random.choice([f"Does the {a} fit inside the {b}?", f"Is the {b} bigger than the {a}?"])
    return Story(told, question, "yes" if right else "no", support)


def _read_sizes(text: str, question: str) -> str:
    above: dict[str, set[str]] = {}
    for a, relation, b in SIZES.findall(text):
        small, big = (a, b) if relation == "fits inside" else (b, a)
        above.setdefault(small, set()).add(big)
    first, second = re.findall(rf"the ({'|'.join(BOXES)})", question)
    small, big = (first, second) if question.startswith("Does") else (second, first)
    reached = {small}
    while more := {far for near in reached for far in above.get(near, ())} - reached:
        reached |= more
    return "yes" if big in reached else "no"


def _path(random: Random) -> Story | None:
    """Two steps from one place to another, among other places that are beside these."""
    names = random.sample(PLACES, 5)
    at, links = {names[0]: (0, 0)}, []
    for name in names[1:]:
        base, step = random.choice(list(at)), random.choice(list(STEPS))
        point = (at[base][0] + STEPS[step][0], at[base][1] + STEPS[step][1])
        if point in at.values():
            return None
        at[name] = point
        links.append((name, step, base))
    ways = [way for way in _ways(links) if _opposite(STEPS, way[1]) != way[3]]
    start, one, middle, two, end = random.choice(ways or [("", "", "", "", "")])
    corner = (at[start][0] + at[end][0] - at[middle][0], at[start][1] + at[end][1] - at[middle][1]) if start else None
    if corner is None or (one != two and corner in at.values()):
        return None
    random.shuffle(links)
    support = [number for number, (a, _, b) in enumerate(links) if {a, b} in ({start, middle}, {middle, end})]
    facts = [f"The {a} is {step} of the {b}." for a, step, b in links]
    return Story(facts, f"How do you go from the {start} to the {end}?", f"{one[0]},{two[0]}", support)


def _ways(links: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str, str, str]]:
    """All ways of two steps: place, step, place, step, place."""
    steps = [(b, step, a) for a, step, b in links] + [(a, _opposite(STEPS, step), b) for a, step, b in links]
    return [(a, one, b, two, d) for a, one, b in steps for c, two, d in steps if b == c and a != d]


def _read_path(text: str, question: str) -> str:
    start, end = re.findall(r"the (\w+)", question)
    way = next(way for way in _ways(GRID.findall(text)) if (way[0], way[-1]) == (start, end))
    return f"{way[1][0]},{way[3][0]}"


def _wish(random: Random) -> Story:
    """Where somebody will go, or why somebody went."""
    people = random.sample(PEOPLE, 4)
    moods = {person: random.choice(list(WISHES)) for person in people}
    facts: list[str] = []
    for person, mood in moods.items():
        facts.append(f"{person} is {mood}.")
        if random.random() < 0.5:
            facts.append(f"{person} goes to the {WISHES[mood]}.")
    person = random.choice(people)
    told = facts.index(f"{person} is {moods[person]}.")
    place = WISHES[moods[person]]
    if f"{person} goes to the {place}." in facts:
        return Story(facts, f"Why does {person} go to the {place}?", moods[person], [told, told + 1])
    return Story(facts, f"Where will {person} go?", place, [told])


def _read_wish(text: str, question: str) -> str:
    words = question.rstrip("?").split(" ")
    mood = dict(MOOD.findall(text))[words[2]]
    return mood if words[0] == "Why" else WISHES[mood]


YES_NO = ("yes", "no")
ONE_WORD = "Reply with one word,"
HABITS = " ".join(f"Whoever is {mood} goes to the {place}." for mood, place in WISHES.items())
KINDS = {
    "qa4": Kind("how places lie to each other.", f"{ONE_WORD} the place.", PLACES, _side_by_side, _read_side),
    "qa15": Kind(
        "what animals people are in a play, and what these are afraid of.",
        f"{ONE_WORD} the animal.",
        list(ANIMALS),
        _fear,
        _read_fear,
    ),
    "qa16": Kind(
        "what animals people are in a play, and in which colour. The same animals have the same colour.",
        f"{ONE_WORD} the colour.",
        COLOURS,
        _colour,
        _read_colour,
    ),
    "qa17": Kind(
        "how shapes stand to each other, always straight above, below or beside.",
        "Reply with yes or no.",
        YES_NO,
        _drawing,
        _read_drawing,
    ),
    "qa18": Kind(
        "which things are bigger. A thing fits inside every bigger one.",
        "Reply with yes or no.",
        YES_NO,
        _sizes,
        _read_sizes,
    ),
    "qa19": Kind(
        "how places lie to each other, a step apart.",
        "Reply with the two steps as letters, n, s, e or w, with a comma between them, such as n,w.",
        LABELS["qa19"],
        partial(retell, tell=_path),
        _read_path,
    ),
    "qa20": Kind(
        f"how people feel and where they go. {HABITS}",
        f"{ONE_WORD} the place or the feeling.",
        (*WISHES, *WISHES.values()),
        _wish,
        _read_wish,
    ),
}
