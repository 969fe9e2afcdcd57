"""How likely given replies are after a prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.types import NotRewindable
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session


def rate(
    model: Model,
    method: Method | None,
    prompt: Sequence[Sequence[int]],
    replies: Sequence[Sequence[int]],
    *,
    progress: Progress = silent,
) -> list[float]:
    """The natural logarithm of each reply's probability, all tokens together, after a prompt read part by part.

    The prompt is read once and each reply forgotten again; it is read for each reply where a method cannot forget.
    InputError for a reply without tokens.
    """
    if not all(replies):
        raise InputError("a reply has no tokens: give at least one")
    rated, left = list[float](), list(replies)
    longest = max(map(len, replies), default=0)
    while left:
        with model.open(method, length=sum(map(len, prompt)) + longest) as session:
            next_V = torch.empty(0)
            for part in filter(None, prompt):
                next_V = session.prefill([part], progress=progress)[0]
            rated += _rated(session, next_V, left)
    return rated


def _rated(session: Session, next_V: Tensor, left: list[Sequence[int]]) -> list[float]:
    """Rate replies and take them off the list until one cannot be forgotten."""
    rated = []
    while left:
        reply = left.pop(0)
        logits_TV = next_V[None]
        if len(reply) > 1:
            logits_TV = torch.cat([logits_TV, session.decode(torch.tensor([list(reply[:-1])]))[0]])
        chosen_T1 = torch.tensor(reply, device=logits_TV.device)[:, None]
        rated.append(float(logits_TV.log_softmax(-1).gather(1, chosen_T1).sum()))
        try:
            session.rewind(len(reply) - 1)
        except NotRewindable:
            break
    return rated
