"""Biographies read back from a text, and questions answered from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from longspan.evals.tasks.longbio.people import SAME, templates

LINE = re.compile(r"^(?:\[(\d+)\] )?(?:Biography|In the words) of (.+?): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """A person as a text tells."""

    number: str
    """Of the biography; empty where these have none."""
    facts: dict[str, str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    """Who has the same, by attribute."""


def read(context: str) -> dict[str, Told]:
    """Everybody a text of biographies tells of, by name."""
    found: dict[str, Told] = {}
    for number, name, text in LINE.findall(context):
        told = found.setdefault(name, Told(number))
        for sentence in re.split(r"(?<=\.) ", text):
            for attribute, pattern in _patterns():
                if match := pattern.fullmatch(sentence):
                    (told.same if "other" in match.groupdict() else told.facts)[attribute] = match[1]
    return found


def asked(text: str) -> tuple[str, str]:
    """The attribute and the name that a question is about; KeyError where it is none."""
    for attribute, (sentence,) in templates("questions").items():
        before, _, after = sentence.partition("{name}")
        if text.startswith(before) and text.endswith(after):
            return attribute, text[len(before) : -len(after)]
    raise KeyError(text)


def answer(told: Mapping[str, Told], text: str, *, default: str = "") -> str:
    """What a question asks for: from one person to the next as long as these have the same."""
    attribute, name = asked(text)
    while attribute in told[name].same:
        name = told[name].same[attribute]
    return told[name].facts.get(attribute, default)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found: dict[str, str] = {}
    for form in ("standard", "paraphrase", "first person"):
        for attribute, sentences in templates(form).items():
            found |= {re.escape(sentence).replace(r"\{name\}", ".+"): attribute for sentence in sentences}
    told = [(attribute, re.compile(text.replace(r"\{value\}", "(.+)"))) for text, attribute in found.items()]
    for attribute, (label,) in templates("labels").items():
        told.append((attribute, re.compile(SAME.format(name=".+", label=label, other="(?P<other>.+)"))))
    return told
