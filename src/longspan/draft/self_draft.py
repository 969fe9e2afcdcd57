"""The model itself, remembering less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from longspan.core.errors import InputError
from longspan.core.types import Chooser, KVPolicy, Proposal, Reader
from longspan.draft.follow import Follower
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction


@dataclass(frozen=True, slots=True)
class SelfDraft:
    """Self-draft: the model guesses for itself from a few of its stored tokens. https://arxiv.org/abs/2408.11049
    Differs from the paper: the draft reads no prompt, it takes over what the model has stored and keeps the best.
    """

    tokens: int = 4
    """Tokens guessed at a time (gamma)."""
    kv: KVPolicy = field(default_factory=lambda: Eviction(SnapKV(), budget=512))
    """What the draft keeps of the stored tokens, chosen once; what is decoded comes on top."""
    again: int = 64
    """Last tokens of the prompt that the draft reads anew, so that their queries choose what it keeps."""

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.again < 1:
            raise InputError(f"SelfDraft: tokens={self.tokens} and again={self.again} must both be at least 1")

    def open(self, reader: Reader) -> Guesser:
        """Open a draft that forks the session when it is first asked."""
        return Guesser(self, reader)


class Guesser:
    """Decodes a few tokens ahead."""

    def __init__(self, settings: SelfDraft, reader: Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._follower: Follower | None = None

    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Choose token after token as the reply's are chosen."""
        follower, grown, probs = self._followed(text), list(text), []
        for _ in range(min(room, self._settings.tokens)):
            token, probs_V = chooser.choose(follower.read(grown)[0], grown)
            grown.append(token)
            probs.append(probs_V)
        return Proposal(grown[len(text) :], torch.stack(probs))

    def nbytes(self) -> int:
        """Bytes that the fork stores."""
        return self._follower.session.nbytes() if self._follower else 0

    def close(self) -> None:
        """Close the fork."""
        if self._follower:
            self._follower.session.close()

    def _followed(self, text: Sequence[int]) -> Follower:
        if self._follower is None:
            session = self._reader.fork(kv=self._settings.kv, again=self._settings.again)
            self._follower = Follower(session, text[:-1])
        return self._follower
