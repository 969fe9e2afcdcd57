"""Short questions of seven kinds, each with its right answer and a wrong one, and the rule that finds the right one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from longspan.evals.tasks.templates import read
from longspan.evals.words import names

Drawn = tuple[str, str, str]
THINGS = read("questions.txt")["things"]
GOOD, BAD = read("questions.txt")["good"], read("questions.txt")["bad"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question."""

    instruction: str
    """What to do with it."""
    draw: Callable[[Random], Drawn]
    """The question, its answer and a wrong answer."""
    solve: Callable[[str], str]
    """The answer, worked out from the question."""


def _sum(random: Random) -> Drawn:
    first, second, third = random.randint(20, 99), random.randint(20, 99), random.randint(2, 19)
    right = first + second - third
    return f"{first} + {second} - {third}", str(right), str(right + random.choice([-10, -2, -1, 1, 2, 10]))


def _solve_sum(question: str) -> str:
    first, second, third = map(int, re.findall(r"\d+", question))
    return str(first + second - third)


def _largest(random: Random) -> Drawn:
    numbers = random.sample(range(100, 1000), k=4)
    right = max(numbers)
    return ", ".join(map(str, numbers)), str(right), str(random.choice([each for each in numbers if each != right]))


def _series(random: Random) -> Drawn:
    first, step = random.randint(1, 60), random.randint(2, 9)
    terms = [first + step * index for index in range(5)]
    wrong = terms[4] + random.choice([-2, -1, 1, 2])
    return ", ".join(map(str, terms[:4])), str(terms[4]), str(wrong)


def _solve_series(question: str) -> str:
    *_, before, last = map(int, re.findall(r"\d+", question))
    return str(2 * last - before)


def _passage(random: Random) -> Drawn:
    who = random.choice(names("first names"))
    (thing, other), (city, elsewhere) = random.sample(THINGS, k=2), random.sample(names("cities"), k=2)
    left = f"{who} left the {thing} in {city} and the {other} in {elsewhere}."
    if random.random() < 0.5:
        return f"{left} Where is the {thing}?", city, elsewhere
    return f"{left} Where is the {other}?", elsewhere, city


def _solve_passage(question: str) -> str:
    asked = question.rpartition(" the ")[2].rstrip("?")
    places: dict[str, str] = dict(re.findall(r"the (\S+) in (\w+)", question))
    return places[asked]


def _inference(random: Random) -> Drawn:
    who, city = random.choice(names("first names")), random.choice(names("cities"))
    thing, other = random.sample(THINGS, k=2)
    follows = random.random() < 0.5
    premise = f"Everybody who visits {city} gets one {thing} and nothing else. {who} visits {city}."
    answers = ("yes", "no") if follows else ("no", "yes")
    return f"{premise} Does {who} get one {thing if follows else other}?", *answers


def _solve_inference(question: str) -> str:
    given, asked = re.findall(r"gets? one (\w+)", question)
    return "yes" if given == asked else "no"


def _city(random: Random) -> Drawn:
    who, city = random.choice(names("last names")), random.choice(names("cities"))
    thing = random.choice(THINGS)
    return f"The {thing} that {who} sold to a friend went to {city} by train.", city, who


def _opinion(random: Random) -> Drawn:
    good = random.random() < 0.5
    text = f"About the {random.choice(THINGS)}: {random.choice(GOOD if good else BAD)}"
    return text, *(("positive", "negative") if good else ("negative", "positive"))


KINDS: Mapping[str, Kind] = {
    "sum": Kind("Work out the result.", _sum, _solve_sum),
    "largest": Kind("Name the largest number.", _largest, lambda text: max(re.findall(r"\d+", text))),
    "series": Kind("Continue the series by one number.", _series, _solve_series),
    "passage": Kind("Answer from the sentence.", _passage, _solve_passage),
    "inference": Kind("Answer yes or no.", _inference, _solve_inference),
    "city": Kind("Name the city.", _city, lambda text: re.findall(r"went to (\w+) by", text)[0]),
    "opinion": Kind(
        "Say whether the opinion is positive or negative.",
        _opinion,
        lambda text: "positive" if text.endswith(GOOD) else "negative",
    ),
}
