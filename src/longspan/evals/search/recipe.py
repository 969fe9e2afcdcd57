"""What a search found, as a file: the method, how it was found, and how much it gained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE, METHOD = "recipe.json", "method.txt"


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
