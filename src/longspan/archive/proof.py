"""Reading a text to store it, and proving that what was stored goes on exactly as what was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from longspan.archive.cached import ROOM, Cached, cached_of, machine_of
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.kv.reuse import file
from longspan.kv.reuse.snapshot import Snapshot
from longspan.models.method import Method
from longspan.models.session import CHUNK

if TYPE_CHECKING:
    from longspan.models.model import Model

FAR = {"float32": 1e-4, "w16a32": 1e-4, "bfloat16": 0.05, "float16": 0.05}
"""How far a logit may be off on another machine, as a share of the largest; on the same machine none is off at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Stored tokens and their proof: the logits after one more token."""

    snapshot: Snapshot
    probe: int
    logits_V: Tensor


def read(
    model: Model, method: Method, tokens: Sequence[int], *, chunk: int = CHUNK, progress: Progress = silent
) -> Stored:
    """Have the model read a text; InputError before it does where the method's tokens cannot leave their session."""
    with model.open(method) as trial:
        trial.prefill([tokens[:1]])
        trial.save()
    with model.open(method, length=len(tokens) + ROOM) as session:
        probe = int(session.prefill([tokens], chunk=chunk, progress=progress).argmax())
        snapshot = session.save()
        return Stored(snapshot, probe, session.decode(torch.tensor([[probe]]))[0, -1].cpu())


def opened(path: Path, key: str) -> tuple[Cached, Stored]:
    """A stored file, checked in every respect but the proof; InputError where something is wrong with it."""
    about, snapshot, logits_V = file.read(path)
    cached = cached_of(about, path)
    straight = torch.equal(snapshot.pos_BT, torch.arange(cached.tokens)[None])
    if cached.key != key or not straight or len(snapshot) != cached.tokens or not cached.begins(snapshot.tokens):
        raise InputError(f"{path} holds other tokens than its name says: it is not used")
    if cached.probe >= logits_V.numel():
        raise InputError(f"{path} holds no proof of its tokens: it is not used")
    return cached, Stored(snapshot, cached.probe, logits_V)


def differs(cached: Cached, model: Model, method: str) -> str:
    """What stored tokens are for, where that is not this model, precision and method; empty where it is."""
    if cached.weights != model.digest:
        return f"for another model ({cached.model}, {cached.weights[:12]}; this is {model.name}, {model.digest[:12]})"
    if cached.dtype != model.dtype:
        return f"in {cached.dtype}, not in {model.dtype}"
    return (
        "" if cached.method == method else f"by the method {cached.method or 'plain'!r}, not by {method or 'plain'!r}"
    )


def prove(cached: Cached, stored: Stored, model: Model) -> float:
    """Go on from stored tokens and compare: how far the farthest logit is off.

    Raises InputError where that is too far, or the file is for another model or precision.
    """
    name = f"the stored tokens of {', '.join(cached.files)} ({cached.key[:12]})"
    if other := differs(cached, model, cached.method):
        raise InputError(f"{name} are {other}")
    try:
        with model.open(Method.parse(cached.method), length=cached.length) as session:
            session.restore(stored.snapshot)
            logits_V = session.decode(torch.tensor([[stored.probe]]))[0, -1].cpu()
        off, largest = float((logits_V - stored.logits_V).abs().max()), float(stored.logits_V.abs().max())
    except (RuntimeError, LookupError, TypeError) as error:
        raise InputError(f"{name} do not fit {model.name} ({error}): remove them and add the document again") from error
    most = 0.0 if cached.machine == machine_of(model) else FAR[cached.dtype] * largest
    if not off <= most:
        raise InputError(
            f"{name} fail their proof: a logit is off by {off:.2g}, and {most:.2g} is allowed. "
            "Remove them and add the document again"
        )
    return off
