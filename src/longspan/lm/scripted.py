"""A model that says what a test tells it to, so that everything above models runs offline and exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longspan.decode.stop import StopWatcher
from longspan.lm.lm import Message, OverLength, Reply, Usage

_WORD = re.compile(r"\s*\S+(?:\s+\Z)?")


@dataclass(frozen=True, slots=True)
class Call:
    """What a scripted model was asked."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    seed: int
    stop: tuple[str, ...]


class Scripted:
    """Gives prepared replies in turn, a text alone being one reply, or what a function makes of the messages.

    A token is a word between spaces. It keeps to its window, `max_tokens` and stop strings as a real model would, and
    remembers its `calls`.
    """

    def __init__(
        self,
        replies: Sequence[str] | Callable[[Sequence[Message]], str],
        *,
        window: int = 8192,
        name: str = "scripted",
    ) -> None:
        self.name, self.window = name, window
        self.calls: list[Call] = []
        self._replies = replies if callable(replies) else [replies] if isinstance(replies, str) else list(replies)

    def count(self, text: str | Sequence[Message]) -> int:
        """Words of a text, or of the contents of messages."""
        return len(text.split()) if isinstance(text, str) else sum(len(message.content.split()) for message in text)

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
        """Say the next reply, word by word; OverLength beyond the window, LookupError when no reply is left."""
        tokens = self.count(messages)
        if tokens + max_tokens > self.window:
            raise OverLength(self.name, window=self.window, tokens=tokens, max_tokens=max_tokens)
        self.calls.append(Call(tuple(messages), max_tokens, temperature, seed, tuple(stop)))
        words = _WORD.findall(self._say(messages))
        watcher, pieces, said = StopWatcher(stop), [], 0
        for word in words[:max_tokens]:
            said += 1
            pieces.append(watcher.feed(word))
            if watcher.stopped:
                break
        pieces.append(watcher.flush())
        for piece in filter(None, pieces if on_text else []):
            assert on_text
            on_text(piece)
        cut = not watcher.stopped and len(words) > max_tokens
        return Reply("".join(pieces), Usage(tokens, said), "length" if cut else "stop", self.name)

    def _say(self, messages: Sequence[Message]) -> str:
        if callable(self._replies):
            return self._replies(messages)
        if len(self.calls) > len(self._replies):
            raise LookupError(f"{self.name} has {len(self._replies)} replies but was called {len(self.calls)} times")
        return self._replies[len(self.calls) - 1]
