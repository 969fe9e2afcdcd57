"""The contestants: each reads the same prompt and writes some tokens, and says how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from longspan.core.errors import InputError
from longspan.core.types import Draft
from longspan.decode.sampling import Sampling, generators
from longspan.decode.step import Guessed
from longspan.evals.haystack import library
from longspan.models import reference
from longspan.models.method import Method
from longspan.models.model import Model
from longspan.models.session import Session
from longspan.models.shapes import PREFIX, shaped

DENSE = "dense"
"""The name of the model as it was trained, run by this library."""
SPARE = 32
"""Tokens of text beyond the prompt's, for a tokenizer that cuts a little otherwise."""
GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class Trial:
    """What one side needed for one prompt."""

    encode: float
    """Seconds to make tokens of the text."""
    read: float
    """Seconds from the tokens to the choice of the first token of the reply."""
    write: float
    """Seconds of all further tokens."""
    stored_bytes: int
    """Bytes of stored tokens at the end; 0 where the side does not tell."""


class Side(Protocol):
    """Somebody who runs the model."""

    @property
    def name(self) -> str:
        """What tables and pictures call it."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Of libraries that this process does not have."""
        ...

    def run(self, text: str, length: int, steps: int) -> Trial:
        """Read the first `length` tokens of a text, choose one, and write `steps` more."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Longspan:
    """This library with a method; InputError for a method string that is none."""

    versions: Mapping[str, str] = {}

    def __init__(self, model: Model, method: str = "") -> None:
        self.name = method or DENSE
        self._model = model
        self._method = Method.parse(method)
        self._room = 0
        self._prompt: list[int] = []
        self._session: Session | None = None
        self._draft: Draft | None = None

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does."""
        self._room = length + steps + 1
        return trial(self, lambda: encode(self._model, text, length), steps)

    def clear(self) -> None:
        """Forget everything that was read."""
        if self._session is not None:
            self._session.close()
        self._session = self._draft = None

    def read(self, prompt: list[int]) -> int:
        """Read a prompt, in chunks: the likeliest next token. Opening the session is part of it."""
        self._prompt = prompt
        self._session = self._model.open(self._method, length=self._room).__enter__()
        self._draft = self._session.draft()
        return int(self._session.prefill([prompt]).argmax())

    def write(self, token: int, steps: int) -> list[int]:
        """Append a token and all but the last of those that follow it, the likeliest each: these.

        A draft may guess several at once.
        """
        assert self._session is not None
        written = [token]
        if self._draft is None:
            for _ in range(steps):
                written.append(int(self._session.decode(torch.tensor([written[-1:]]))[:, -1].argmax()))
            return written[1:]
        text, (draws,) = [*self._prompt, token], generators(GREEDY, [0])
        reply = Guessed(self._session, text, self._draft, sampling=GREEDY, generator=draws, most=steps)
        while len(written) <= steps:
            written += reply.next()[0]
        return written[1:]

    def nbytes(self) -> int:
        """Bytes of stored tokens."""
        return self._session.nbytes() if self._session else 0

    def close(self) -> None:
        """Give back the session."""
        self.clear()


class Transformers:
    """transformers with the same weights, its own SDPA and DynamicCache."""

    name = "transformers"
    versions: Mapping[str, str] = {}

    def __init__(self, model: Model) -> None:
        self._model = model
        self._reference = reference.Reference(plain(model).network)

    def run(self, text: str, length: int, steps: int) -> Trial:
        """As every side does."""
        return trial(self._reference, lambda: encode(self._model, text, length), steps)

    def close(self) -> None:
        """Give back its cache."""
        self._reference.clear()


def plain(model: Model) -> Model:
    """The model as transformers has it: loaded anew where its weights have fewer bits than it computes in."""
    if model.dtype == model.computing:
        return model
    if model.name.startswith(PREFIX):
        return shaped(model.name, device=str(model.device), dtype=model.computing)
    return Model.load(model.folder, device=str(model.device), dtype=model.computing)


def prose(model: Model, length: int) -> str:
    """Real text of so many tokens and a few more: this Python's own reference, as often as needed."""
    text = " ".join(library().take(0, length + SPARE))
    starts = model.located(text)[1]
    return text[: starts[length + SPARE]] if len(starts) > length + SPARE else text


def encode(model: Model, text: str, length: int) -> list[int]:
    """Exactly so many tokens of a text; InputError where it holds fewer."""
    return cut(model.encode(text), length)


def cut(tokens: list[int], length: int) -> list[int]:
    """The first so many tokens; InputError where there are fewer."""
    if len(tokens) < length:
        raise InputError(
            f"the text for {length:,} tokens is only {len(tokens):,} here: the tokenizer is that of another model"
        )
    return tokens[:length]


def trial(side: Any, tokens: Callable[[], list[int]], steps: int) -> Trial:
    """Time the making of tokens and what `reference.timed` times."""
    began = time.perf_counter()
    prompt = tokens()
    spent = time.perf_counter() - began
    return Trial(spent, **reference.timed(side, prompt, steps))
