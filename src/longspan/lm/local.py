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
    from longspan.kv.reuse.prefix import PrefixCache
    from longspan.models.method import Method
    from longspan.models.model import Model
    from longspan.models.session import Session


class Local:
    """Runs prompts on a loaded model; calls of one instance that overlap wait for each other.

    Two at once would be no faster and hold twice the stored tokens; one thread also keeps its freed memory to itself.

    A last message of the assistant is the beginning of the reply. `window` is what prompts are held to: the trained
    one, unless a method that reaches further is given. With `reuse` the beginnings of prompts that earlier calls read
    are not read again, in any instance that shares it; the last bits of logits may then depend on earlier calls.
    """

    def __init__(
        self,
        model: Model,
        *,
        method: Method | None = None,
        window: int = 0,
        progress: Progress = silent,
        reuse: PrefixCache | None = None,
    ) -> None:
        self._model = model
        self._window = window or model.window
        self._method = method
        self._progress = progress
        self._thread = ThreadPoolExecutor(1, "longspan")
        self._reuse = reuse

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
                known = self._restore(session, prompt)
                generation = Generation(
                    session, self._model.decode, sampling=sampling, limits=limits, draft=session.draft()
                )
                if known < len(first):
                    session.prefill([first[known:]], progress=self._progress)
                read = max(known, len(first))
                for piece in generation.run([prompt[read:]], before=prompt[:read], progress=self._progress):
                    heard = heard or time.perf_counter() - began
                    if on_text is not None:
                        on_text(piece.text)
                stored = session.nbytes()
                if self._reuse is not None:
                    self._reuse.keep(self._salt(session), session.save())
            (reply,) = generation.replies
            usage = Usage(len(prompt), len(reply.tokens), known, stored)
            finish: Literal["stop", "length"] = "stop" if reply.finish == "stop" else "length"
            return Reply(reply.text, usage, finish, self.name, heard)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def log_probs(self, messages: Sequence[Message], replies: Sequence[str]) -> list[float]:
        """The natural logarithm of each reply's probability after the messages, which are read once.

        A method that cannot forget a reply reads them again for each. InputError for an empty reply, OverLength where
        the prompt and the longest reply exceed the window.
        """
        from longspan.decode.rating import rate

        first, rest = self._prompt(messages)
        told = [self._model.encode(reply) for reply in replies]
        longest = max(map(len, told), default=0)
        if len(first) + len(rest) + longest > self.window:
            raise OverLength(self.name, window=self.window, tokens=len(first) + len(rest), max_tokens=longest)

        def run() -> list[float]:
            return rate(self._model, self._method, [first, rest], told, progress=self._progress)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def _restore(self, session: Session, prompt: Sequence[int]) -> int:
        """Take over what is known of a prompt's beginning: how many tokens."""
        known = self._reuse.find(self._salt(session), prompt) if self._reuse is not None else None
        if known is None:
            return 0
        session.restore(known)
        return len(known)

    def _salt(self, session: Session) -> str:
        return f"{self._model.digest} {self._model.dtype} {session.method!r} {session.profile}"

    def _prompt(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """Tokens that are read before the rest is known, and the rest."""
        return self._model.chat_apart([(m.role, m.content[: m.apart], m.content[m.apart :]) for m in messages])
