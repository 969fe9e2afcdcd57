"""The model itself, remembering less."""

from __future__ import annotations

from dataclasses import dataclass, field

from longspan.core.errors import InputError
from longspan.core.types import KVPolicy, Reader
from longspan.draft.follow import Guesser
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
        return Guesser(self.tokens, lambda text: reader.fork(kv=self.kv, again=self.again))
