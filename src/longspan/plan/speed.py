"""How fast a model runs on this machine: a short self-test, and what follows from it for any length."""

from __future__ import annotations

import json
import platform
import statistics
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from longspan import __version__
from longspan.archive import Archive, digest_of
from longspan.core.progress import Progress, silent
from longspan.plan.machine import here
from longspan.plan.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from longspan.models.model import Model
    from longspan.models.session import Session

LENGTHS = (512, 2048)
"""Prompt tokens of the self-test."""
STEPS = 6
"""Tokens decoded at each length."""
SLOW = 3.0
"""Seconds for the first length from which on the second is not tried: the self-test stays short."""
EFFICIENCY = 0.45
"""Rate of attention as a share of that of matrix products, where it was not measured (here: 180 of 400 GFLOP/s)."""
TURNED = 4.0
"""How much more a decoded token costs per stored one where its key is turned anew at every step (here: 85 of 25 ms)."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds as a function of tokens, from a few measured ones."""

    token: float
    """Seconds per prompt token for all that does not depend on what is stored (matrix products with weights)."""
    pair: float
    """Seconds per layer and pair of a prompt token and a stored token it attends to."""
    step: float
    """Seconds per decoded token for all that does not depend on what is stored."""
    stored: float
    """Seconds per decoded token, layer and stored token."""

    def prefill(self, shape: Shape, tokens: int) -> float:
        """Seconds to read a prompt."""
        return self.token * tokens + self.pair * pairs(shape, tokens)

    def decode(self, shape: Shape, tokens: int, stored: int) -> float:
        """Seconds to write tokens with so many stored."""
        return tokens * (self.step + self.stored * slots(shape, stored))

    def stream(self, shape: Shape, tokens: int, seen: int) -> float:
        """Seconds to read a text when every token attends to `seen` stored ones, however long the text is."""
        return self.token * tokens + self.pair * tokens * slots(shape, seen)

    def stream_decode(self, shape: Shape, tokens: int, seen: int) -> float:
        """Seconds to write tokens when keys are turned anew for each."""
        return tokens * (self.step + TURNED * self.stored * slots(shape, seen))


def pairs(shape: Shape, tokens: int) -> float:
    """Pairs of tokens that attend to each other when a prompt is read, over all layers."""
    every = tokens * tokens / 2
    return shape.full_layers * every + shape.sliding_layers * min(tokens * shape.sliding_window, every)


def slots(shape: Shape, stored: int) -> int:
    """Stored tokens that a query attends to, over all layers."""
    return shape.full_layers * stored + shape.sliding_layers * min(stored, shape.sliding_window)


def calibrate(model: Model, shape: Shape, archive: Archive, *, progress: Progress = silent) -> Speed:
    """The model's speed here: measured once for a few seconds, then kept in the archive."""
    import torch

    machine, threads = here(str(model.device)), torch.get_num_threads()
    host = f"{machine.processor} {machine.cores} {machine.accelerator} {threads} {platform.python_version()}"
    rates = " ".join(field.name for field in fields(Speed))
    key = digest_of(rates, str(shape), model.name, model.dtype, host, torch.__version__, __version__)
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
    reads: list[float] = []
    writes: list[float] = []
    with model.open() as session:
        session.prefill([prompt[:64]])
    for done, length in enumerate(LENGTHS):
        with model.open() as session:
            began = time.perf_counter()
            session.prefill([prompt[:length]])
            reads.append(time.perf_counter() - began)
            writes.append(_median_step(session, torch.tensor([[prompt[0]]])))
        progress("measure this machine", done + 1, len(LENGTHS), "lengths")
        if reads[0] > SLOW:
            return _from_one(shape, reads[0] / length, writes[0])
    return _from_two(shape, reads, writes)


def _from_two(shape: Shape, reads: list[float], writes: list[float]) -> Speed:
    short, long = LENGTHS
    rise, run = reads[1] / long - reads[0] / short, pairs(shape, long) / long - pairs(shape, short) / short
    per_pair = _slope(rise, run)
    per_token = max(0.0, (reads[0] - per_pair * pairs(shape, short)) / short)
    per_stored = _slope(writes[1] - writes[0], slots(shape, long) - slots(shape, short))
    return Speed(per_token, per_pair, max(0.0, writes[0] - per_stored * slots(shape, short)), per_stored)


def _slope(rise: float, run: float) -> float:
    """Seconds per unit; 0 where both lengths have as many, all layers sliding: it is part of the fixed cost then."""
    return max(0.0, rise / run) if run else 0.0


def _from_one(shape: Shape, per_token: float, step: float) -> Speed:
    """What a slow model's first length tells: attention from its operations, stored tokens from their bytes."""
    weights = shape.weight_bytes // shape.bytes_per_weight
    per_pair = per_token * 4 * shape.heads * shape.head_dim / (2 * weights) / EFFICIENCY
    return Speed(per_token, per_pair, step, step * shape.token_bytes / shape.weight_bytes)


def _median_step(session: Session, token_11: Tensor) -> float:
    spent = []
    for _ in range(STEPS):
        began = time.perf_counter()
        session.decode(token_11)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)
