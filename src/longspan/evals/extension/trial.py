"""Reading questions with methods: how well the expected tokens were expected."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import torch

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.evals.extension.questions import Question
from longspan.evals.journal import Journal
from longspan.models.method import Method
from longspan.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One question read with one method."""

    method: str
    """Method string; empty: the model as it was trained."""
    kind: str
    length: int
    number: int
    depth: float | None
    loss: float | None
    """Mean of minus the logarithm of the expected tokens' probabilities; None where reading failed."""
    likeliest: tuple[int, ...]
    """The token that the model would have written at each expected one."""
    right: bool
    """Whether these are the expected ones: greedy decoding would have written them."""
    failure: str = ""
    seconds: float = 0.0


def read(model: Model, method: str, question: Question, *, progress: Progress = silent) -> Trial:
    """Read a question: the text before in chunks, the expected tokens in one call."""
    began, failure = time.perf_counter(), ""
    loss, likeliest = None, list[int]()
    expected, parsed = question.tokens[-question.scored :], Method.parse(method)
    try:
        with model.open(parsed, length=len(question.tokens)) as session:
            logits_TV = session.prefill([question.tokens[: -question.scored]], progress=progress)
            if len(expected) > 1:
                more_BTV = session.decode(torch.tensor([expected[:-1]]))
                logits_TV = torch.cat([logits_TV, more_BTV[0]])
        target_T = torch.tensor(expected, device=logits_TV.device)
        loss = float(torch.nn.functional.cross_entropy(logits_TV, target_T))
        likeliest = logits_TV.argmax(-1).tolist()
    except InputError as error:
        failure = str(error)
    return Trial(
        method=method,
        kind=question.kind,
        length=question.length,
        number=question.number,
        depth=question.depth,
        loss=loss,
        likeliest=tuple(likeliest),
        right=tuple(likeliest) == expected,
        failure=failure,
        seconds=round(time.perf_counter() - began, 3),
    )


def read_all(
    model: Model,
    methods: Sequence[str],
    questions: Sequence[Question],
    journal: Journal,
    *,
    progress: Progress = silent,
) -> list[Trial]:
    """Read every question with every method, the shortest first; what the journal has is not read again."""
    made, behind = list[Trial](), 0
    ordered = sorted(questions, key=lambda question: (question.length, question.number))
    every = sum(len(question.tokens) for question in ordered) * len(methods)

    def tell(stage: str, done: int, total: int, unit: str) -> None:
        progress("compare methods", behind + done, every, "tokens")

    for question in ordered:
        for method in methods:
            key = f"{question.key} {method}"
            known = journal.get(key)
            if known is None:
                known = asdict(read(model, method, question, progress=tell))
                journal.put(key, known)
            made.append(Trial(**{**known, "likeliest": tuple(known["likeliest"])}))
            behind += len(question.tokens)
            progress("compare methods", behind, every, "tokens")
    return made


def fitness(model: Model, questions: Sequence[Question], journal: Journal, method: str) -> float:
    """Mean loss of a method over questions, remembered; infinite where one could not be read."""
    key = f"fitness {method}"
    if (known := journal.get(key)) is None:
        losses = [read(model, method, question).loss for question in questions]
        known = fmean(loss for loss in losses if loss is not None) if None not in losses else "failed"
        journal.put(key, known)
    return float("inf") if known == "failed" else float(known)
