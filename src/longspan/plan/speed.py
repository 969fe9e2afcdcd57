"""How fast a model runs on this machine: a short self-test, and what follows from it for any length."""

from __future__ import annotations

import json
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longspan import __version__
from longspan.archive import Archive, digest_of
from longspan.core.progress import Progress, silent
from longspan.plan.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from longspan.models.model import Model
    from longspan.models.session import Session

LENGTHS = (512, 2048)
"""Prompt tokens of the self-test, both multiples of a chunk."""
STEPS = 6
"""Tokens decoded at each length."""
SLOW = 4.0
"""Seconds for a chunk from which on a model is only tried at the first length."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds as a function of tokens, from a few measured ones."""

    token: float
    """Seconds per prompt token for all that does not depend on what is stored (matrix products with weights)."""
    pair: float
    """Seconds per pair of a prompt token and a stored token it attends to, all layers together."""
    step: float
    """Seconds per decoded token for all that does not depend on what is stored."""
    stored: float
    """Seconds per decoded token and stored token."""
    full: float = 1.0
    """Share of the layers whose attention grows with the text."""
    sliding_window: int = 0
    """Tokens that the other layers see."""

    def prefill(self, tokens: int, past: int = 0) -> float:
        """Seconds to read a prompt behind `past` stored tokens."""
        pairs = tokens * past + tokens * tokens / 2
        near = tokens * min(self.sliding_window, past + tokens)
        return self.token * tokens + self.pair * (self.full * pairs + (1 - self.full) * min(near, pairs))

    def stream(self, tokens: int, seen: int) -> float:
        """Seconds to read a text when every token attends to about `seen` stored ones, however long the text is."""
        return self.token * tokens + self.pair * tokens * min(seen, tokens)

    def decode(self, tokens: int, stored: int) -> float:
        """Seconds to write tokens with so many stored."""
        return tokens * (self.step + self.stored * stored)


def calibrate(model: Model, shape: Shape, archive: Archive, *, progress: Progress = silent) -> Speed:
    """The model's speed here: measured once for a few seconds, then kept in the archive."""
    import torch

    from longspan.plan.machine import here

    machine = here()
    host = f"{machine.processor} {machine.cores} {machine.accelerator} {torch.get_num_threads()}"
    versions = f"{platform.python_version()} {torch.__version__} {__version__}"
    key = digest_of("speed", str(shape), model.name, model.dtype, host, versions)
    folder = archive.get("speed", key)
    if folder is None:
        speed = measure(model, shape, progress=progress)
        folder = archive.put("speed", key, lambda place: _write(place, speed))
    return Speed(**json.loads((folder / "speed.json").read_text()))


def _write(folder: Path, speed: Speed) -> None:
    (folder / "speed.json").write_text(json.dumps(asdict(speed)))


def measure(model: Model, shape: Shape, *, progress: Progress = silent) -> Speed:
    """Read and write a few tokens at two lengths and solve for the four rates; none is negative."""
    import torch

    prompt = torch.randint(0, shape.vocab, (max(LENGTHS),), generator=torch.Generator().manual_seed(0)).tolist()
    token = torch.tensor([[prompt[0]]])
    reads: list[float] = []
    writes: list[float] = []
    with model.open() as session:
        session.prefill([prompt[:64]])
    for done, length in enumerate(LENGTHS):
        with model.open() as session:
            began = time.perf_counter()
            session.prefill([prompt[:length]])
            reads.append(time.perf_counter() - began)
            writes.append(_median_step(session, token))
        progress("measure this machine", done + 1, len(LENGTHS), "lengths")
        if reads[0] > SLOW:
            return Speed(reads[0] / LENGTHS[0], 0.0, writes[0], 0.0)
    short, long = LENGTHS
    per_pair = max(0.0, (reads[1] / long - reads[0] / short) / ((long - short) / 2))
    per_token = max(0.0, reads[0] / short - per_pair * short / 2)
    per_stored = max(0.0, (writes[1] - writes[0]) / (long - short))
    full = 1 - shape.sliding_layers / shape.layers
    return Speed(per_token, per_pair, max(0.0, writes[0] - per_stored * short), per_stored, full, shape.sliding_window)


def _median_step(session: Session, token_11: Tensor) -> float:
    spent = []
    for _ in range(STEPS):
        began = time.perf_counter()
        session.decode(token_11)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)
