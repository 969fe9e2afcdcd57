"""What a search found, as a file: the method, how it was found, and how much it gained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE, METHOD = "recipe.json", "method.txt"
SHIPPED = Path(__file__).with_name("recipes")
"""What searches on known models found, to be used without a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The end of a search; `method` is a method string like any other."""

    method: str
    search: str
    """What was searched: longrope, longrope2, dpe or giraffe_truncated."""
    command: str
    """The command line that found it."""
    seed: int
    plan: dict[str, int]
    model: str
    digest: str
    """sha256 of the weights."""
    length: int
    """Tokens of the texts that it was fitted to."""
    text: str
    """Name and digest of the text."""
    measured: str
    """What the fitness is; lower is better."""
    trained: float
    """Fitness of the model as it was trained."""
    before: float
    """Fitness of what the search began with."""
    after: float
    evaluations: int
    versions: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it as JSON, and the method string alone beside it: --method "$(cat method.txt)"."""
        for name, text in ((FILE, json.dumps(asdict(self), indent=1)), (METHOD, self.method)):
            part = folder / f"{name}.part"
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(folder / name)


def shipped(digest: str, length: int) -> dict[str, str]:
    """By the name of the search, method strings that were found for these weights and for texts at least so long."""
    read = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(SHIPPED.glob("*.json")))
    fitting = [Recipe(**each) for each in read if each["digest"] == digest and each["length"] >= length]
    return {each.search: each.method for each in sorted(fitting, key=lambda each: -each.length)}
