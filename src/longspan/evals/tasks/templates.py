"""Sentences with gaps, as the text files beside the tasks list them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources


@cache
def read(name: str) -> Mapping[str, tuple[str, ...]]:
    """Sections of a file: a line `[name]` begins each, and every line after it that is not empty is one entry."""
    text = resources.files("longspan.evals.tasks").joinpath(name).read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            entries = found.setdefault(line.strip("[]"), [])
        else:
            entries.append(line)
    return {section: tuple(lines) for section, lines in found.items()}


@cache
def pattern(template: str) -> re.Pattern[str]:
    """What finds a sentence made from a template: every gap, `{city}`, is a group of its name."""
    seen = set[str]()

    def group(match: re.Match[str]) -> str:
        again = match[1] in seen
        seen.add(match[1])
        return f"(?P={match[1]})" if again else f"(?P<{match[1]}>.+?)"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", group, re.escape(template)))
