"""The generation loop: a batch of prompts in, each row's text out as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.types import Draft
from longspan.decode.sampling import Sampling, generators
from longspan.decode.step import Guessed, OneByOne
from longspan.decode.stop import StopWatcher
from longspan.decode.text import TextStream

GREEDY = Sampling()
"""The likeliest token, always."""


class Engine(Protocol):
    """What generation needs of a session."""

    def prefill(self, prompts: Sequence[Sequence[int]], *, chunk: int = 2048, progress: Progress = silent) -> Tensor:
        """Read a prompt per row: the next token's logits [B, V]."""
        ...

    def decode(self, tokens_BT: Tensor) -> Tensor:
        """Append tokens: logits [B, T, V]."""
        ...

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens, as guesses that fail need it."""
        ...

    def branch(self, tokens: Sequence[int], parents: Sequence[int]) -> Tensor:
        """Read a tree of tokens: logits [T, V] after each."""
        ...

    def keep(self, path: Sequence[int]) -> None:
        """Go on with one branch of the tree."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """When a reply is over."""

    max_tokens: int = 256
    """Tokens of a reply at most."""
    stops: tuple[str, ...] = ()
    """Strings that end it and are not part of it."""
    ends: frozenset[int] = frozenset()
    """Tokens that end it: the model's own."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}: give at least 1")


@dataclass(slots=True)
class Reply:
    """One row's reply so far."""

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    finish: Literal["stop", "length", ""] = ""
    """Why it ended: `stop` (an end token or stop string), `length` (max_tokens); empty while it goes on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """New text of one row."""

    row: int
    text: str


class Generation:
    """Replies to a batch of prompts; iterate for the pieces as they come, read `replies` when done.

    A row's reply depends on its own prompt, seed and settings only: rows that end early wait for the others. With a
    draft, one reply at a time is written, distributed as without.
    """

    def __init__(
        self,
        engine: Engine,
        decode: Callable[[list[int]], str],
        *,
        limits: Limits,
        sampling: Sampling = GREEDY,
        draft: Draft | None = None,
    ) -> None:
        self._engine = engine
        self._decode = decode
        self._sampling = sampling
        self._limits = limits
        self._draft = draft
        self.replies: list[Reply] = []
        self.guesses: Guessed | None = None
        """How the guesses of a draft fared; None without one."""

    def run(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        before: Sequence[int] = (),
        progress: Progress = silent,
        seeds: Sequence[int] = (),
    ) -> Iterator[Piece]:
        """Read the prompts, then yield text until every row has ended; `seeds` are the rows' own (default: all 0).

        `before` holds tokens that the engine read earlier, of each row.
        """
        rows = range(len(prompts))
        self.replies = [Reply() for _ in rows]
        step = self._step([[*before, *prompt] for prompt in prompts], seeds or [0] * len(prompts))
        streams, stops = [TextStream(self._decode) for _ in rows], [StopWatcher(self._limits.stops) for _ in rows]
        new = step.first(self._engine.prefill(prompts, progress=progress))
        while True:
            for row, tokens in enumerate(new):
                for token in tokens:
                    if text := self._take(self.replies[row], token, streams[row], stops[row]):
                        yield Piece(row, text)
            if all(reply.finish for reply in self.replies):
                return
            new = step.next()

    def _step(self, texts: Sequence[Sequence[int]], seeds: Sequence[int]) -> OneByOne | Guessed:
        draws = generators(self._sampling, seeds)
        if self._draft is None:
            return OneByOne(self._engine, texts, sampling=self._sampling, generators=draws)
        if len(texts) > 1:
            raise InputError(f"draft= writes one reply at a time, not {len(texts)}: leave it out for a batch")
        most = self._limits.max_tokens
        self.guesses = Guessed(
            self._engine, texts[0], self._draft, sampling=self._sampling, generator=draws[0], most=most
        )
        return self.guesses

    def _take(self, reply: Reply, token: int, stream: TextStream, stop: StopWatcher) -> str:
        """Add a token to a reply that goes on: its new text, held back where it may be part of a stop string."""
        if reply.finish:
            return ""
        ended = token in self._limits.ends
        text = "" if ended else stop.feed(stream.push(token))
        if not ended:
            reply.tokens.append(token)
        if ended or stop.stopped:
            reply.finish = "stop"
        elif len(reply.tokens) >= self._limits.max_tokens:
            reply.finish = "length"
        if reply.finish and not stop.stopped:
            text += stop.feed(stream.flush())
            text += "" if stop.stopped else stop.flush()
        reply.text += text
        return text
