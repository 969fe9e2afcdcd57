"""One result: a sample, what a model replied, and what that cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Status = Literal["scored", "over"]
MEASURED = ("seconds", "first_seconds", "kv_bytes", "cached_tokens")
"""Columns that may differ when a run is made again."""


def key(task: str, length: int, index: int, method: str) -> str:
    """What no two rows of a run share."""
    return f"{task} {length} {index} {method}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample's result. Length and depth are columns, never parts of a name."""

    sample: str
    """The sample's id."""
    task: str
    ability: str
    rule: str
    index: int
    """Number of the sample among those of its task and length."""
    length: int
    """Tokens asked for, prompt and reply together; 0 where the data set decides."""
    depth: float | None
    group: str
    seed: int
    model: str
    digest: str
    method: str
    tokens: int
    """Tokens of the prompt, as the model counted them."""
    status: Status = "scored"
    """`over`: it did not fit the window and was not sent, so it has no score."""
    cut: str = ""
    """What was left out of the context to make it fit; empty: nothing."""
    prediction: str = ""
    score: float | None = None
    """0 to 1."""
    finish: str = ""
    """Why the reply ended: stop or length."""
    reply_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    """From sending the prompt to the last token."""
    first_seconds: float = 0.0
    """Of these, to the first text of the reply; 0 where nobody can tell."""
    kv_bytes: int = 0
    """Stored tokens at the end; 0 where nobody can tell."""
    agnostic: bool = False
    """The context was read before the question was known."""

    @property
    def key(self) -> str:
        """What no other row of a run shares."""
        return key(self.task, self.length, self.index, self.method)

    def text(self) -> str:
        """The row as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def outcome(self) -> dict[str, Any]:
        """The part that is the same whenever the run is made again: all but what the machine or the hour decides."""
        return {name: value for name, value in asdict(self).items() if name not in MEASURED}

    @classmethod
    def read(cls, text: str) -> Self:
        """A row from its line of JSON."""
        return cls(**json.loads(text))
