"""Multi-round co-reference: repeat one of several texts that were asked for in the same words."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.mrcr import CODE, FIRST_CODE, LAST_CODE
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import adjectives, names, nouns

TURN = re.compile(r"^User: (Write .*)\nAssistant: (.*)$", re.MULTILINE)
ASKED = re.compile(r"code (\w+)\. After it, repeat the (\w+) (.*)\. Write nothing else", re.MULTILINE)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Coreference:
    """MRCR v2: repeat the so manyth of several texts asked for in the same words. https://arxiv.org/abs/2409.12640

    Differs from the paper: its texts were written by a model, these are made from templates, anew for every sample.
    Whoever repeats any of the 2, 4 or 8 texts asked for alike scores 0.53, 0.30 or 0.19; in the paper's data 0.51, 0.27
    or 0.15.
    """

    needles: int = 2
    """Texts asked for in the same words, at most eight; half as many differ in style alone."""
    sentences: int = 5
    """Of each such text."""
    strict: bool = False
    """Nothing may stand before the code in a reply."""

    def __post_init__(self) -> None:
        if not 1 <= self.needles <= len(ORDINALS):
            raise InputError(f"needles is {self.needles}: a text can be the first to the {ORDINALS[-1]}, so 1 to 8")

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        return FIRST_CODE if self.strict else LAST_CODE

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="repeat one of several texts of a conversation that were asked for in the same words",
            ability="tracing",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2409.12640",
            shortest=560 + 24 * self.sentences * (self.needles + self.needles // 2),
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, the wanted text at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 24)

    def solve(self, sample: Sample) -> str:
        """The code and the text that the question counts to."""
        ((code, ordinal, what),) = ASKED.findall(sample.after)
        texts = [text for request, text in TURN.findall(sample.context) if request == f"Write a {what}."]
        return f"{code}{texts[ORDINALS.index(ordinal)]}"

    def _build(self, ask: Ask, size: int) -> Sample:
        random, made_of = ask.random(), material()
        kind, topic = random.choice(made_of["formats"]), random.choice(list(made_of["topics"]))
        style, other = random.sample(list(made_of["styles"]), 2)
        wanted, code = (
            random.randrange(self.needles),
            "".join(random.choices(string.ascii_letters + string.digits, k=CODE)),
        )
        depths = _around(random, ask.depth, wanted, self.needles)
        turns = [(depth, style) for depth in depths] + [(random.random(), other) for _ in range(self.needles // 2)]
        texts = [write(random, kind, topic, each, self.sentences) for _, each in turns]
        order = sorted(range(len(turns)), key=lambda index: turns[index][0])
        needles = [_turn(kind, topic, turns[index][1], texts[index]) for index in order]
        filler = list(_filler(random, size))
        places = [place(filler, turns[index][0]) for index in order]
        context, spans = plant(filler, needles, places, joint="\n\n")
        end = spans[order.index(wanted)][1]
        answer = code + texts[wanted]
        return ask.sample(
            before="A user asks an assistant for texts, at times for the same again. You will be asked to repeat one "
            f"of them. Two examples:\n\n{made_of['examples']['first']}\n\n{made_of['examples']['second']}\n\n"
            "The conversation:\n\n",
            context=context,
            after=f"\n\nQuestion: Begin your reply with the code {code}. After it, repeat the {ORDINALS[wanted]} "
            f"{kind} about {topic} in {style} style. Write nothing else.",
            answers=[answer],
            max_tokens=ask.count(answer) + 16,
            depth=(end - len(texts[wanted])) / len(context),
            spans=((end - len(texts[wanted]), end),),
        )


@cache
def material() -> Mapping[str, Any]:
    """What conversations are made of, from the TOML file beside this one."""
    text = resources.files("longspan.evals.tasks").joinpath("coreference.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def write(random: Random, kind: str, topic: str, style: str, sentences: int) -> str:
    """A text of so many sentences after an opening, on one line."""
    made_of = material()
    terms = made_of["topics"].get(topic) or made_of["filler_topics"][topic]
    shapes = [random.choice(made_of["openings"][kind])]
    while len(shapes) <= sentences:
        shapes += random.sample(made_of["styles"][style], len(made_of["styles"][style]))
    slots: Mapping[str, Sequence[str]] = {
        "topic": (topic,),
        "term": terms,
        "adjective": adjectives(),
        "noun": nouns(),
        "name": names("first names"),
        "city": names("cities"),
    }

    def fill(slot: re.Match[str]) -> str:
        return str(random.randint(12, 998)) if slot[1] == "number" else random.choice(slots[slot[1]])

    return " ".join(re.sub(r"\{(\w+)\}", fill, shape) for shape in shapes[: sentences + 1])


def _turn(kind: str, topic: str, style: str, text: str) -> str:
    return f"User: Write a {kind} about {topic} in {style} style.\nAssistant: {text}"


def _filler(random: Random, size: int) -> Iterator[str]:
    """Turns on other topics with `size` sentences in all, openings not counted."""
    made_of = material()
    while size > 0:
        sentences = random.randint(3, 7)
        words = random.choice(made_of["formats"]), random.choice(list(made_of["filler_topics"]))
        style = random.choice(list(made_of["styles"]))
        yield _turn(*words, style, write(random, *words, style, min(size, sentences)))
        size -= sentences


def _around(random: Random, depth: float, wanted: int, n: int) -> list[float]:
    """`n` depths in order, of which number `wanted` is `depth`."""
    before = sorted(random.uniform(0, depth) for _ in range(wanted))
    return [*before, depth, *sorted(random.uniform(depth, 1) for _ in range(n - wanted - 1))]


TASKS = {f"mrcr/{needles}_needles": Coreference(needles) for needles in (2, 4, 8)}
