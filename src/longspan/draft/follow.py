"""Keeping up with a text whose last tokens may be taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Chooser, NotRewindable, Proposal, Sibling


def shared(old: Sequence[int], new: Sequence[int], start: int) -> int:
    """How many tokens two texts have in common from the first on, `start` at least."""
    end = min(len(old), len(new))
    return next((i for i in range(start, end) if old[i] != new[i]), max(start, end))


class Follower:
    """A session that reads what a text has grown by, and takes back what it has lost."""

    def __init__(self, session: Sibling, text: Sequence[int]) -> None:
        self.session = session
        self._start = len(text)
        self._text = list(text)

    def read(self, text: Sequence[int], *, last: int = 1) -> Tensor:
        """Logits [T, V] after each of the `last` tokens of a text, which were not read before."""
        same = shared(self._text, text[: len(text) - last], self._start)
        try:
            self.session.rewind(len(self._text) - same)
        except NotRewindable as error:
            raise InputError(
                f"guesses that fail must be taken back, and the draft's own kv= method cannot: {error}. Choose one "
                "that gives up nothing while tokens are decoded (every=0)"
            ) from error
        new = list(text[same:])
        self._text[same:] = new
        return self.session.decode(torch.tensor([new]))[0, -last:]


class Guesser:
    """Decodes a few tokens ahead with a session of its own, which `begin` opens on the text read so far."""

    def __init__(self, tokens: int, begin: Callable[[Sequence[int]], Sibling]) -> None:
        self._tokens = tokens
        self._begin = begin
        self._follower: Follower | None = None

    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Choose token after token as the reply's are chosen."""
        if self._follower is None:
            self._follower = Follower(self._begin(text[:-1]), text[:-1])
        grown, probs = list(text), []
        for _ in range(min(room, self._tokens)):
            token, probs_V = chooser.choose(self._follower.read(grown)[0], grown)
            grown.append(token)
            probs.append(probs_V)
        return Proposal(grown[len(text) :], torch.stack(probs))

    def nbytes(self) -> int:
        """Bytes that its session stores."""
        return self._follower.session.nbytes() if self._follower else 0

    def close(self) -> None:
        """Close its session."""
        if self._follower:
            self._follower.session.close()
