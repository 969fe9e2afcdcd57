"""How a reply goes on: one token for every row, or as many as the model confirms of those a draft guessed.

Speculative decoding, https://arxiv.org/abs/2211.17192: a guess x from q is kept with probability min(1, p(x) / q(x));
the first that is not is replaced by a draw from what p has over q, so the reply is distributed as without guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Draft, NotRewindable, Proposal
from longspan.decode.sampling import Sampling, draw, probabilities, sample


class Decoder(Protocol):
    """What a step needs of a session."""

    def decode(self, tokens_BT: Tensor) -> Tensor:
        """Append tokens: logits [B, T, V]."""
        ...

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens."""
        ...

    def branch(self, tokens: Sequence[int], parents: Sequence[int]) -> Tensor:
        """Read a tree of tokens: logits [T, V] after each."""
        ...

    def keep(self, path: Sequence[int]) -> None:
        """Go on with one branch of the tree."""
        ...


class OneByOne:
    """A token for every row in each step."""

    def __init__(
        self,
        engine: Decoder,
        prompts: Sequence[Sequence[int]],
        *,
        sampling: Sampling,
        generators: Sequence[torch.Generator],
    ) -> None:
        self._engine = engine
        self._sampling = sampling
        self._generators = generators
        self._seen = [torch.tensor(list(prompt)) for prompt in prompts]

    def first(self, logits_BV: Tensor) -> list[list[int]]:
        """Choose what follows the prompts."""
        self._seen = [tokens.to(logits_BV.device) for tokens in self._seen]
        return self._choose(logits_BV)

    def next(self) -> list[list[int]]:
        """Read the tokens chosen last and choose the next."""
        return self._choose(self._engine.decode(self._last_B[:, None])[:, -1])

    def _choose(self, logits_BV: Tensor) -> list[list[int]]:
        self._last_B = sample(logits_BV, self._sampling, seen=self._seen, generators=self._generators)
        if self._sampling.repetition_penalty != 1:
            self._seen = [torch.cat([tokens, self._last_B[b : b + 1]]) for b, tokens in enumerate(self._seen)]
        return [[token] for token in self._last_B.tolist()]


class Guessed:
    """One row, several tokens a step where guesses hold."""

    def __init__(
        self,
        engine: Decoder,
        prompt: Sequence[int],
        draft: Draft,
        *,
        sampling: Sampling,
        generator: torch.Generator,
        most: int,
    ) -> None:
        self._engine = engine
        self._draft = draft
        self._sampling = sampling
        self._generator = generator
        self._text = list(prompt)
        self._end = len(prompt) + most
        self.guessed = 0
        """Tokens that were guessed so far."""
        self.kept = 0
        """How many of them the model confirmed."""

    def first(self, logits_1V: Tensor) -> list[list[int]]:
        """Choose what follows the prompt."""
        self._text.append(self.choose(logits_1V[0], self._text)[0])
        return [self._text[-1:]]

    def next(self) -> list[list[int]]:
        """Read the last token and the guesses at once; keep what holds, and choose one more token."""
        room = max(0, self._end - len(self._text) - 1)
        guess = self._draft.propose(self._text, room, self) if room else Proposal([])
        new = self._climbed(guess) if guess.parents else self._followed(guess)
        self._text += new
        self.guessed, self.kept = self.guessed + len(guess.tokens), self.kept + len(new) - 1
        return [new]

    def _followed(self, guess: Proposal) -> list[int]:
        """The guesses that hold, each after the other, and one token more."""
        read = torch.tensor([[self._text[-1], *guess.tokens]])
        new = self.check(guess, self._engine.decode(read)[0], self._text).tokens
        with _to_take_back():
            self._engine.rewind(len(guess.tokens) + 1 - len(new))
        return new

    def _climbed(self, guess: Proposal) -> list[int]:
        """The branch that the reply takes through a tree, and one token more, each drawn as without guesses."""
        parents = (-1, *(parent + 1 for parent in guess.parents))
        logits_TV = self._engine.branch([self._text[-1], *guess.tokens], parents)
        path, new = [0], list[int]()
        while True:
            new.append(self.choose(logits_TV[path[-1]], [*self._text, *new])[0])
            after = [
                at + 1 for at, token in enumerate(guess.tokens) if token == new[-1] and parents[at + 1] == path[-1]
            ]
            if not after:
                break
            path.append(after[0])
        with _to_take_back():
            self._engine.keep(path)
        return new

    def choose(self, logits_V: Tensor, text: Sequence[int]) -> tuple[int, Tensor]:
        """Choose what follows a text."""
        probs_V = self._distribution(logits_V, text, [])
        return int(draw(probs_V[None], [self._generator])), probs_V

    def check(self, guess: Proposal, logits_TV: Tensor, text: Sequence[int]) -> Proposal:
        """The guesses that hold and one token more, distributed as the logits after the text and each guess say."""
        probs: list[Tensor] = []

        def after(t: int) -> Tensor:
            probs.append(self._distribution(logits_TV[t], text, guess.tokens[:t]))
            return probs[-1]

        kept, token = accept(guess, after, self._generator)
        return Proposal([*guess.tokens[:kept], token], torch.stack(probs))

    def _distribution(self, logits_V: Tensor, text: Sequence[int], guesses: Sequence[int]) -> Tensor:
        penalised = self._sampling.repetition_penalty != 1
        seen = torch.tensor([*text, *guesses], device=logits_V.device) if penalised else logits_V
        return probabilities(logits_V[None], self._sampling, seen=[seen])[0]


@contextmanager
def _to_take_back() -> Iterator[None]:
    """Say what to do where a store cannot forget guesses."""
    try:
        yield
    except NotRewindable as error:
        raise InputError(
            f"a guess that fails must be taken back, and the kv= method cannot: {error}. Leave draft= out, or choose a "
            "method that keeps its last tokens"
        ) from error


def accept(guess: Proposal, probs: Callable[[int], Tensor], generator: torch.Generator) -> tuple[int, int]:
    """How many guesses hold, and the token after them; `probs(t)` [V] is the model's distribution after t of them.

    It is asked once for each t from 0 to that number.
    """
    for t, token in enumerate(guess.tokens):
        p_V = probs(t)
        q_V = _certain(p_V, token) if guess.probs_TV is None else guess.probs_TV[t].to(p_V)
        if float(torch.rand(1, generator=generator)) * float(q_V[token]) < float(p_V[token]):
            continue
        left_V = (p_V - q_V).clamp_min(0)
        return t, int(draw(left_V[None] if bool(left_V.any()) else p_V[None], [generator]))
    return len(guess.tokens), int(draw(probs(len(guess.tokens))[None], [generator]))


def _certain(like_V: Tensor, token: int) -> Tensor:
    one_V = torch.zeros_like(like_V)
    one_V[token] = 1.0
    return one_V
