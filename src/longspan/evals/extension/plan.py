"""What a run of `extend` measures, as a file in its folder: a run that stops goes on only as it began."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from longspan.core.errors import InputError

FILE = "extend.json"
FEWEST = 2
"""Documents, of which intervals are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that the numbers of a run depend on."""

    model: str
    """As a person named it."""
    digest: str
    """sha256 of the weights."""
    method: str
    """What was asked for: auto, a name, or a method string."""
    length: int
    """Tokens to reach."""
    window: int
    """Tokens of the trained window."""
    lengths: tuple[int, ...]
    """Lengths that are measured, rising."""
    documents: int
    """Pieces of real text of each length."""
    needles: int
    """Needles hidden in each length."""
    seed: int
    text: str
    """Name and digest of the text."""
    search: dict[str, int] = field(default_factory=dict)
    """Settings of a search; empty: none."""
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.length <= self.window:
            raise InputError(
                f"--to {self.length:,} is within the window of {self.window:,} tokens: nothing is to be extended"
            )
        if self.documents < FEWEST or self.needles < 0:
            raise InputError(f"--documents {self.documents} and --needles {self.needles}: at least {FEWEST} and 0")
        if min(self.lengths) < 2 or self.lengths[-1] != self.length or not any(n <= self.window for n in self.lengths):
            raise InputError(
                f"--lengths must hold one within the window of {self.window:,} and end at --to {self.length:,}"
            )

    def same_work(self, record: dict[str, object]) -> bool:
        """Whether a stored plan gives the same numbers on whatever machine."""
        apart = {"versions": None, "device": None}
        return {**json.loads(json.dumps(asdict(self))), **apart} == {**record, **apart}

    def start(self, folder: Path, *, resume: bool) -> None:
        """Make or enter the folder of a run; InputError where it holds another run's, or `resume` was not said."""
        path = folder / FILE
        if path.exists():
            try:
                record = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise InputError(f"cannot read {path} ({error}): name another folder with --out") from error
            if not self.same_work(record):
                raise InputError(f"{folder} holds a run of other settings (see {path}): name another with --out")
            if not resume:
                raise InputError(f"{folder} holds this run already: add --resume to go on, or name another with --out")
            return
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"{folder} holds other files: name an empty or new folder with --out")
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{FILE}.part"
        part.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")
        part.replace(path)


def lengths_of(window: int, length: int) -> tuple[int, ...]:
    """Lengths to measure: a quarter, a half and the whole window, its doubles, and the length to reach.

    >>> lengths_of(8192, 32768), lengths_of(8192, 16384)
    ((2048, 4096, 8192, 16384, 32768), (2048, 4096, 8192, 12288, 16384))
    """
    beyond, next_one = [length], 2 * window
    while next_one < length:
        beyond.append(next_one)
        next_one *= 2
    if len(beyond) == 1:
        beyond.append((window + length) // 2)
    inside = {max(2, window // 4), max(2, window // 2), window}
    return tuple(sorted(inside | {each for each in beyond if each > window}))
