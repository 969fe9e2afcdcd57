"""Short labelled texts made long: M4LE's five abilities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.m4le import ACC, CLS_F1, EXACT_MATCH
from longspan.evals.task import Ability, Card, Level, Rule, Sample
from longspan.evals.tasks.templates import pattern, read
from longspan.evals.words import names, person

Form = Literal["explicit_single", "explicit_multiple", "semantic_single", "semantic_multiple", "global"]
ARTICLE = re.compile(r"Article(?: (?P<id>[0-9A-F]{6}))?: (?P<text>.*)")
MOST = 6
"""Articles of the class that is asked for: M4LE counts 1 to 6."""


@dataclass(frozen=True, slots=True)
class Article:
    """A short news text and what is known of it."""

    category: str
    person: str
    city: str
    text: str
    id: str

    def line(self, form: Form) -> str:
        """The article as the forms show it: those with explicit hints give its id."""
        return f"Article {self.id}: {self.text}" if form.startswith("explicit") else f"Article: {self.text}"


@dataclass(frozen=True, slots=True)
class M4le:
    """M4LE's conversion of short labelled texts into one long input. https://arxiv.org/abs/2310.19240

    Differs from the paper: articles are made from templates; ids are asked of at most six articles, so that a reply
    stays short; the global form asks for the class of most articles, where the paper classifies one long document.
    """

    form: Form
    """How many articles an answer needs, and whether the question names them or says what they are about."""

    @property
    def rule(self) -> Rule:
        """M4LE's own rule for the form."""
        return RULES[self.form]

    @property
    def card(self) -> Card:
        """What it is."""
        about, ability, scope, diffusion = CARDS[self.form]
        paper = "https://arxiv.org/abs/2310.19240"
        return Card(
            about=about, ability=ability, scope=scope, diffusion=diffusion, paper=paper, shortest=700, tokens=64
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; a single article that is asked for lies at the depth asked for, several lie anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 64)

    def solve(self, sample: Sample) -> str:
        """The answer from each article's first sentence, which only one template can have made."""
        question = sample.after.rpartition("Question: ")[2]
        quoted = re.findall(r"'(.+?)'|article ([0-9A-F]{6})\b", question)
        (wanted,) = ("".join(groups) for groups in quoted) if quoted else ("",)
        found = [(match["id"] or "", *_known(match["text"])) for match in ARTICLE.finditer(sample.context)]
        if self.form == "explicit_single":
            return next(category for id, category, _, _ in found if id == wanted)
        if self.form == "explicit_multiple":
            return ", ".join(id for id, category, _, _ in found if category == wanted)
        if self.form == "semantic_single":
            return next(city for _, _, who, city in found if who == wanted)
        categories = [category for _, category, _, _ in found]
        if self.form == "semantic_multiple":
            return str(categories.count(wanted))
        return max(sorted(set(categories)), key=categories.count)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        category, *others = random.sample(sorted(read("m4le.txt")), k=len(read("m4le.txt")))
        asked = [draw(random, category) for _ in range(self._count(random))]
        example = [draw(random, kind) for kind in (others[0], others[1], others[0])]
        taken = {known for article in asked for known in (article.id, article.person)}
        filler = [self._filler(random, [category, *others], index, taken) for index in range(size)]
        lines = [article.line(self.form) for article in filler]
        alone = len(asked) == 1 and "single" in self.form
        places = [place(lines, ask.depth)] if alone else [random.randint(0, size) for _ in asked]
        context, spans = plant(lines, [article.line(self.form) for article in asked], places, joint="\n")
        order = sorted(range(len(asked)), key=lambda number: spans[number])
        question, answers = self._question([asked[number] for number in order])
        shown, shown_answers = self._question(example if self.form == "global" else [example[0]])
        return ask.sample(
            before=f"Below are short news articles. Each belongs to one of these categories: "
            f"{', '.join(sorted([*others, category]))}. A question about them follows at the end. An example first.\n\n"
            + "\n".join(article.line(self.form) for article in example[: 3 if self.form == "global" else 2])
            + f"\nQuestion: {shown}\nAnswer: {', '.join(shown_answers)}\n\nNow the articles of your question.\n\n",
            context=context,
            after=f"\nQuestion: {question}",
            start="Answer:",
            answers=answers,
            max_tokens=self.card.tokens,
            depth=spans[0][0] / max(1, len(context)) if alone else None,
            spans=() if self.form == "global" else spans,
            data={"ends": ENDS[self.form]},
        )

    def _count(self, random: Random) -> int:
        """Articles that an answer rests on; two of the global form's, which make its class the most frequent."""
        return {"explicit_multiple": random.randint(2, MOST), "semantic_multiple": random.randint(1, MOST)}.get(
            self.form, 2 if self.form == "global" else 1
        )

    def _filler(self, random: Random, categories: list[str], index: int, taken: set[str]) -> Article:
        """An article that leaves the answer as it is; in the global form every second one is of the asked class."""
        several = "multiple" in self.form
        other = random.choice(categories[several or self.form == "global" :])
        category = categories[0] if self.form == "global" and index % 2 else other
        while (article := draw(random, category)).id in taken or article.person in taken:
            pass
        return article

    def _question(self, asked: list[Article]) -> tuple[str, list[str]]:
        first = asked[0]
        match self.form:
            case "explicit_single":
                return f"Which category does article {first.id} belong to?", [first.category]
            case "explicit_multiple":
                ids = [article.id for article in asked]
                return f"Which articles belong to '{first.category}'? Give their ids, separated by commas.", ids
            case "semantic_single":
                return f"In which city does the news happen that names '{first.person}'?", [first.city]
            case "semantic_multiple":
                return f"How many of the articles belong to '{first.category}'? Give the number.", [str(len(asked))]
            case _:
                return "Which category do most of the articles belong to?", [first.category]


def draw(random: Random, category: str) -> Article:
    """An article of a category: a first sentence with a person and a city, and two more."""
    templates = read("m4le.txt")[category]
    who, city, id = person(random), random.choice(names("cities")), f"{random.getrandbits(24):06X}"
    opening = random.choice([template for template in templates if not template.startswith("+ ")])
    details = random.sample([template[2:] for template in templates if template.startswith("+ ")], k=2)
    number = str(random.randint(3, 98))
    text = " ".join([opening, *details]).format(person=who, city=city, number=number)
    return Article(category, who, city, text, id)


def _known(text: str) -> tuple[str, str, str]:
    """Category, person and city of an article's text."""
    found = ((category, template.match(text)) for category, template in _openings())
    return next((category, match["person"], match["city"]) for category, match in found if match)


@cache
def _openings() -> list[tuple[str, re.Pattern[str]]]:
    every = [(category, line) for category, lines in read("m4le.txt").items() for line in lines]
    return [(category, pattern(line)) for category, line in every if not line.startswith("+ ")]


RULES: dict[Form, Rule] = {
    "explicit_single": EXACT_MATCH,
    "explicit_multiple": CLS_F1,
    "semantic_single": ACC,
    "semantic_multiple": EXACT_MATCH,
    "global": ACC,
}
ENDS: dict[Form, list[str]] = {
    "explicit_single": [],
    "explicit_multiple": [],
    "semantic_single": ["\n", "."],
    "semantic_multiple": ["."],
    "global": [":"],
}
CARDS: dict[Form, tuple[str, Ability, Level, Level]] = {
    "explicit_single": ("tell the category of the article of an id", "retrieval", "low", "low"),
    "explicit_multiple": ("tell the ids of all articles of a category", "understanding", "high", "high"),
    "semantic_single": ("tell where the one article happens that names a person", "retrieval", "low", "low"),
    "semantic_multiple": ("count the articles of a category", "aggregation", "high", "high"),
    "global": ("tell the category of most articles", "aggregation", "high", "low"),
}
TASKS = {f"m4le/{form}": M4le(form) for form in CARDS}
