"""What is measured: a model on this machine with a method, or one behind a server, and how prompts reach it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from longspan.evals.task import Sample
from longspan.lm.lm import LM, Message

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.lm.http import Http
    from longspan.models.method import Method
    from longspan.models.model import Model

ENDPOINT = ("http://", "https://")
UNBOUNDED = 2**31
"""Window of a model whose method has no limit of its own."""


@dataclass(frozen=True)
class Subject:
    """A language model and what rows say about it."""

    lm: LM
    name: str
    """As a person named it."""
    digest: str
    """sha256 of its weights; a server does not tell, so empty there."""
    method: str
    """The method string it runs with; empty: as it was trained."""
    device: str
    """Device and precision; empty for a server."""
    continues: bool
    """Whether a reply's beginning can be put into its mouth; else that stands at the end of the question."""
    parallel: int
    """Samples under way at once."""
    measure: Callable[[list[Message]], int]
    """Tokens of messages, asked of the model's own tokenizer where there is one."""

    def messages(self, sample: Sample, *, apart: bool = False) -> list[Message]:
        """A sample as it is sent; `apart` when the question is to be known only after the context was read."""
        known = len(sample.before) + len(sample.context) if apart else 0
        return self._messages(sample.prompt, sample.start, known)

    def count(self, prompt: str, start: str = "") -> int:
        """Tokens of a prompt as it is sent."""
        return self.measure(self._messages(prompt, start))

    def _messages(self, prompt: str, start: str, apart: int = 0) -> list[Message]:
        if not start:
            return [Message("user", prompt, apart)]
        if self.continues:
            return [Message("user", prompt, apart), Message("assistant", start)]
        return [Message("user", f"{prompt}\n\nBegin your reply with: {start}", apart)]


def local(model: Model, method: Method, *, spelled: str, name: str, progress: Progress) -> Subject:
    """A model on this machine, run by a method."""
    from longspan.lm.local import Local
    from longspan.models.digest import digest

    lm = Local(model, method=method, window=UNBOUNDED if method.extends else 0, progress=progress)
    device = f"{model.device.type} {model.dtype}"
    return Subject(lm, name, digest(model.folder), spelled, device, continues=True, parallel=1, measure=lm.count)


def remote(lm: Http, *, parallel: int) -> Subject:
    """A model behind a server; where the server counts tokens, its count is taken, else the estimate."""

    def measure(messages: list[Message]) -> int:
        return asyncio.run(lm.measure(messages)) or lm.count(messages)

    return Subject(lm, lm.name, "", "", "", continues=False, parallel=parallel, measure=measure)


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    found = {"python": platform.python_version()}
    for package in ("longspan", "torch", "transformers", "tokenizers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
