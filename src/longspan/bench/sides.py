"""The contestants: each reads the same prompt and writes some tokens, and says how long that took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from longspan.core.errors import InputError
from longspan.draft import plain as draft
from longspan.models import reference
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session


@dataclass(frozen=True, slots=True)
class Trial:
    """What one side needed for one prompt."""

    encode: float
    """Seconds to make tokens of the text."""
    read: float
    """Seconds from the tokens to the choice of the first token of the reply."""
    steps: tuple[float, ...]
    """Seconds of every further token."""
    stored_bytes: int
    """Bytes of stored tokens at the end; 0 where the side does not tell."""


class Side(Protocol):
    """Somebody who runs the model."""

    name: str

    def run(self, text: str, length: int, steps: int) -> Trial:
        """Read the first `length` tokens of a text and write `steps` more than the first one."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Longspan:
    """This library with a method."""

    def __init__(self, model: Model, method: str) -> None:
        self.name = method or "longspan"
        self._model = model
        self._method = Method.parse(method)
        if self._method.draft != draft.Plain():
            raise InputError(f"{method!r} guesses tokens, and every token is timed here: use longspan compare")
        self._room = 0
        self._session: Session | None = None

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does."""
        self._room = length + steps + 1
        return _trial(self, self._model, text, length, steps)

    def clear(self) -> None:
        """Forget everything that was read."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def read(self, prompt: list[int]) -> torch.Tensor:
        """The next token's logits [1, V]; opening the session is part of the time."""
        self._session = self._model.open(self._method, length=self._room).__enter__()
        return self._session.prefill([prompt])

    def step(self, token: int) -> torch.Tensor:
        """Append a token: the next one's logits [1, V]."""
        assert self._session is not None
        return self._session.decode(torch.tensor([[token]]))[:, -1]

    def nbytes(self) -> int:
        """Bytes of stored tokens."""
        return self._session.nbytes() if self._session else 0

    def close(self) -> None:
        """Give back the session."""
        self.clear()


class Transformers:
    """transformers with the same weights, its own SDPA and DynamicCache."""

    name = "transformers"

    def __init__(self, model: Model) -> None:
        self._model = model
        self._side = reference.Reference(model.network)

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does."""
        return _trial(self._side, self._model, text, length, steps)

    def close(self) -> None:
        """Give back its cache."""
        self._side.clear()


def encode(model: Model, text: str, length: int) -> list[int]:
    """Exactly so many tokens of a text; InputError where it holds fewer."""
    tokens = model.encode(text)[:length]
    if len(tokens) < length:
        raise InputError(f"the text of the benchmark is {len(tokens):,} tokens, and {length:,} are needed")
    return tokens


def _trial(side: Any, model: Model, text: str, length: int, steps: int) -> Trial:
    began = time.perf_counter()
    prompt = encode(model, text, length)
    spent = time.perf_counter() - began
    said = reference.timed(side, prompt, steps)
    return Trial(spent, said["read"], tuple(said["steps"]), said["stored_bytes"])
