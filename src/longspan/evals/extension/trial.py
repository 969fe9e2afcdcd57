"""Reading texts with methods: how well their last tokens and their needles were expected."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.types import NotRewindable
from longspan.evals.extension.questions import Kind, Needle, Reading
from longspan.evals.journal import Journal
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one method expected, of a text's last tokens or of a needle's value."""

    method: str
    """Method string; empty: the model as it was trained."""
    kind: Kind
    length: int
    number: int
    depth: float | None
    """Share of the text before the needle; None of a text."""
    loss: float | None
    """Mean of minus the logarithm of the expected tokens' probabilities; None where reading failed."""
    likeliest: tuple[int, ...]
    """The token that the model would have written at each expected one."""
    right: bool
    """Whether these are the expected ones: greedy decoding would have written them."""
    failure: str = ""
    seconds: float = 0.0
    """Of a text: from its first token to what is expected of its last one. Of a needle: of the question."""
    nbytes: int = 0
    """Stored tokens of a text that was read, in bytes on the computing device."""


def read(model: Model, method: str, reading: Reading, *, progress: Progress = silent) -> list[Trial]:
    """Read a text in chunks, its last tokens in one call, and ask for its needles, forgetting each question again."""
    reader = _Reader(model, method, reading, progress)
    with reader.open:
        return [reader.text(), *(reader.needle(needle) for needle in reading.needles)]


class _Reader:
    """A session that reads one text, and reads it again where a method cannot go back to its end."""

    def __init__(self, model: Model, method: str, reading: Reading, progress: Progress) -> None:
        self.open = ExitStack()
        self._model = model
        self._method = Method.parse(method)
        self._reading = reading
        self._progress = progress
        self._session: Session | None = None
        self._common: dict[str, Any] = {"method": method, "length": reading.length}

    def text(self) -> Trial:
        """Expect the last tokens."""
        expected = self._reading.tokens[-self._reading.scored :]
        return self._trial("text", self._reading.number, None, expected, self._read_text)

    def needle(self, needle: Needle) -> Trial:
        """Expect a needle's value after the question for it."""
        expected = needle.tokens[-needle.scored :]
        return self._trial("needle", needle.number, needle.depth, expected, lambda: self._ask(needle))

    def _trial(self, kind: Kind, number: int, depth: float | None, expected: tuple[int, ...], run: Any) -> Trial:
        about = {**self._common, "kind": kind, "number": number, "depth": depth}
        began = time.perf_counter()
        try:
            logits_TV, nbytes = run()
        except InputError as error:
            return Trial(**about, loss=None, likeliest=(), right=False, failure=str(error))
        target_T = torch.tensor(expected, device=logits_TV.device)
        likeliest = tuple(logits_TV.argmax(-1).tolist())
        return Trial(
            **about,
            loss=float(torch.nn.functional.cross_entropy(logits_TV, target_T)),
            likeliest=likeliest,
            right=likeliest == expected,
            seconds=round(time.perf_counter() - began, 3),
            nbytes=nbytes,
        )

    def _read_text(self) -> tuple[Tensor, int]:
        """Logits before each expected token, and the bytes stored after the last one."""
        tokens, scored = self._reading.tokens, self._reading.scored
        session = self._model.open(self._method, length=self._reading.length)
        self.open.enter_context(session)
        first_V = session.prefill([tokens[:-scored]], progress=self._progress)
        more_TV = session.decode(torch.tensor([tokens[-scored:]]))[0]
        self._session = session
        return torch.cat([first_V, more_TV[:-1]]), session.nbytes()

    def _ask(self, needle: Needle) -> tuple[Tensor, int]:
        if self._session is None:
            self._read_text()
        session, self._session = self._session, None
        assert session is not None
        logits_TV = session.decode(torch.tensor([needle.tokens[:-1]]))[0, -needle.scored :]
        try:
            session.rewind(len(needle.tokens) - 1)
            self._session = session
        except NotRewindable:
            self.open.close()
        return logits_TV, 0


def read_all(
    model: Model,
    methods: Sequence[str],
    readings: Sequence[Reading],
    journal: Journal,
    *,
    progress: Progress = silent,
) -> list[Trial]:
    """Read every text with every method, the shortest first; what the journal has is not read again."""
    made, behind = list[Trial](), 0
    ordered = sorted(readings, key=lambda reading: (reading.length, reading.number))
    every = sum(len(reading.tokens) for reading in ordered) * len(methods)

    def tell(stage: str, done: int, total: int, unit: str) -> None:
        progress("compare methods", behind + done, every, "tokens")

    for reading in ordered:
        for method in methods:
            made += _known(journal, f"{reading.key} {method}", model, method, reading, tell)
            behind += len(reading.tokens)
            progress("compare methods", behind, every, "tokens")
    return made


def _known(journal: Journal, key: str, model: Model, method: str, reading: Reading, progress: Progress) -> list[Trial]:
    """Trials of a reading, from the journal if they are there."""
    if (known := journal.get(key)) is None:
        known = [asdict(trial) for trial in read(model, method, reading, progress=progress)]
        journal.put(key, known)
    return [Trial(**{**trial, "likeliest": tuple(trial["likeliest"])}) for trial in known]


def fitness(model: Model, readings: Sequence[Reading], journal: Journal, kind: Kind, method: str) -> float:
    """Mean loss of a method over texts or over needles, remembered; infinite where one could not be read."""
    key = f"fitness {kind} {method}"
    if (known := journal.get(key)) is None:
        losses = [trial.loss for reading in readings for trial in read(model, method, reading) if trial.kind == kind]
        known = fmean(loss for loss in losses if loss is not None) if None not in losses else "failed"
        journal.put(key, known)
    return float("inf") if known == "failed" else float(known)
