"""What a language model is to everything above it: messages in, a reply out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """Who speaks: system, user or assistant."""
    content: str
    apart: int = 0
    """Characters at the beginning that a model on this machine reads before it knows the rest, so that what a method
    gives up of them is chosen without the question; 0: all is read at once."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a call cost."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that were not read again."""
    kv_bytes: int = 0
    """Bytes of stored tokens on the computing device when the reply ended; 0 where nobody can tell."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said."""

    text: str
    usage: Usage
    finish: Literal["stop", "length"]
    """Ended by itself or at a stop string, or because `max_tokens` were used up."""
    model: str
    first_seconds: float = field(default=0.0, compare=False)
    """From the call to the first text of the reply; 0 where nobody measured."""


class OverLength(InputError):
    """A prompt, with the reply asked for, that does not fit a model's window; numbers are 0 where nobody knows them."""

    def __init__(self, name: str, *, window: int, tokens: int = 0, max_tokens: int = 0) -> None:
        self.name, self.window, self.tokens, self.max_tokens = name, window, tokens, max_tokens
        size = f"has {tokens:,} tokens" if tokens else "is too long"
        reply = f" and the reply may take {max_tokens:,}" if max_tokens else ""
        limit = f"the window of {name} holds {window:,}" if window else f"the window of {name} is shorter"
        excess = tokens + max_tokens - window if tokens and window else 0
        cut = f"shorten the input by {excess:,} token{'s' * (excess > 1)}" if excess > 0 else "shorten the input"
        super().__init__(
            f"the prompt {size}{reply}, but {limit}: {cut}, ask for a shorter reply or take a model with a longer one"
        )


class LM(Protocol):
    """A language model, local or remote."""

    @property
    def name(self) -> str:
        """What results say was used."""
        ...

    @property
    def window(self) -> int:
        """Tokens it can see, prompt and reply together."""
        ...

    def count(self, text: str | Sequence[Message]) -> int:
        """Tokens of a text, or of a whole prompt; exact for a local model, else the estimate its class describes."""
        ...

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer; `on_text` gets the reply piece by piece. OverLength where prompt and reply exceed the window."""
        ...
