"""A model on this machine as a language model that any workflow can call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from longspan.core.progress import Progress, silent
from longspan.lm.lm import Message, OverLength, Reply, Usage

if TYPE_CHECKING:
    from longspan.models.method import Method
    from longspan.models.model import Model


class Local:
    """Runs prompts on a loaded model; calls of one instance that overlap wait for each other.

    Two at once would be no faster and hold twice the stored tokens; one thread also keeps its freed memory to itself.

    A last message of the assistant is the beginning of the reply. `window` is what prompts are held to: the trained
    one, unless a method that reaches further is given.
    """

    def __init__(
        self, model: Model, *, method: Method | None = None, window: int = 0, progress: Progress = silent
    ) -> None:
        self._model = model
        self._window = window or model.window
        self._method = method
        self._progress = progress
        self._thread = ThreadPoolExecutor(1, "longspan")

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def window(self) -> int:
        """Tokens of a prompt and its reply at most."""
        return self._window

    def count(self, text: str | Sequence[Message]) -> int:
        """Tokens by the model's own tokenizer, the chat format included for messages."""
        if isinstance(text, str):
            return self._model.count(text)
        return sum(map(len, self._prompt(text)))

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
        from longspan.decode.generate import Generation, Limits
        from longspan.decode.sampling import Sampling

        first, rest = self._prompt(messages)
        prompt = first + rest
        if len(prompt) + max_tokens > self.window:
            raise OverLength(self.name, window=self.window, tokens=len(prompt), max_tokens=max_tokens)
        limits = Limits(max_tokens, tuple(stop), self._model.ends)
        sampling = Sampling(temperature=temperature, seed=seed)

        def run() -> Reply:
            began, heard = time.perf_counter(), 0.0
            with self._model.open(self._method, length=len(prompt) + max_tokens) as session:
                generation = Generation(
                    session, self._model.decode, sampling=sampling, limits=limits, draft=session.draft()
                )
                if first:
                    session.prefill([first], progress=self._progress)
                for piece in generation.run([rest], before=first, progress=self._progress):
                    heard = heard or time.perf_counter() - began
                    if on_text is not None:
                        on_text(piece.text)
                stored = session.nbytes()
            (reply,) = generation.replies
            usage = Usage(len(prompt), len(reply.tokens), kv_bytes=stored)
            finish: Literal["stop", "length"] = "stop" if reply.finish == "stop" else "length"
            return Reply(reply.text, usage, finish, self.name, heard)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _prompt(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Tokens that are read before the rest is known, and the rest."""
        return self._model.chat_apart([(m.role, m.content[: m.apart], m.content[m.apart :]) for m in messages])
