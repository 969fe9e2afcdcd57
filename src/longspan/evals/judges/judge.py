"""A model asked for verdicts: a bounded number at a time, once more where one cannot be read, and what it cost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from longspan.lm.lm import LM, Message, Usage

T = TypeVar("T")
S = TypeVar("S")
FREE = Usage(0, 0)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """What a judge decided."""

    value: T | None
    """The decision; None where it could not be read."""
    replies: tuple[str, ...]
    """What the judge said, call by call."""
    usage: Usage
    """Tokens of all calls together."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What many verdicts came to."""

    read: int
    """Verdicts that could be read."""
    unparsable: int
    """Verdicts that could not, asked twice; they are in no score."""
    calls: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that gives verdicts."""

    lm: LM
    at_once: int = 8
    """Verdicts in progress at the same time."""
    max_tokens: int = 1024
    """Tokens a reply of the judge may take, its reasoning included."""
    seed: int = 0

    async def ask(self, prompt: str, read: Callable[[str], T | None], *, form: str) -> Verdict[T]:
        """Ask for a verdict that `read` understands (None: it does not); once more, naming the `form`, where not."""
        talk = [Message("user", prompt)]
        first = await self.lm(talk, max_tokens=self.max_tokens, seed=self.seed)
        if (value := read(said(first.text))) is not None:
            return Verdict(value, (first.text,), first.usage)
        talk += [Message("assistant", first.text), Message("user", AGAIN.format(form=form))]
        second = await self.lm(talk, max_tokens=self.max_tokens, seed=self.seed)
        return Verdict(read(said(second.text)), (first.text, second.text), added([first.usage, second.usage]))

    async def each(self, items: Sequence[S], decide: Callable[[S], Awaitable[T]]) -> list[T]:
        """What `decide` makes of every item, in their order; the first error ends all that is in progress."""
        slots = asyncio.Semaphore(self.at_once)

        async def one(item: S) -> T:
            async with slots:
                return await decide(item)

        tasks = [asyncio.ensure_future(one(item)) for item in items]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def bill(verdicts: Sequence[Verdict[T]]) -> Bill:
    """How many verdicts were read, and their cost."""
    read = sum(each.value is not None for each in verdicts)
    calls = sum(len(each.replies) for each in verdicts)
    return Bill(read, len(verdicts) - read, calls, added(each.usage for each in verdicts))


def added(usages: Iterable[Usage]) -> Usage:
    """Costs together."""
    total = FREE
    for each in usages:
        total = Usage(
            total.prompt_tokens + each.prompt_tokens,
            total.completion_tokens + each.completion_tokens,
            total.cached_tokens + each.cached_tokens,
        )
    return total


def said(reply: str) -> str:
    """A reply without the thoughts before it."""
    return reply.rpartition("</think>")[2]


def labelled(reply: str, label: str, options: str) -> str | None:
    """What stands after `Label:` on a line of its own, one of the pattern `options`; None for none or several."""
    line = rf"^[ \t*#>_-]*{label}[ \t*_]*:[ \t*_\"'(\[]*({options})[ \t*_\"')\].]*$"
    found = {each.lower() for each in re.findall(line, reply, re.IGNORECASE | re.MULTILINE)}
    return found.pop() if len(found) == 1 else None


def quoted(name: str, text: str) -> str:
    """A text marked off, so that what it says is not taken for instructions."""
    return f"<{name}>\n{text}\n</{name}>"


AGAIN = "That cannot be read. Give your verdict again, without any explanation, in exactly this form:\n{form}"
