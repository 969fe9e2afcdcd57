"""Two levels of guessing: a small draft for a model that remembers little, and that for the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Chooser, Drafter, Look, Proposal, Reader
from longspan.draft.follow import Follower
from longspan.draft.prompt_lookup import PromptLookup
from longspan.kv.eviction import Eviction


@dataclass(frozen=True, slots=True)
class TriForce:
    """TriForce: a small draft guesses for the model with retrieved tokens only, and that for the whole. https://arxiv.org/abs/2404.11912
    Differs from the paper: in place of a model of 68M parameters prompt lookup guesses, or with
    `draft=self_draft,score=streaming_llm` the model itself with sinks and recent tokens; tokens of the reply come on
    top of the budget and do not push retrieved ones out; query heads that share a key/value head retrieve together, by
    their mean. A guess that fails at the middle level is replaced by a draw from the residual; the released code
    draws from the whole distribution.
    """

    tokens: int = 6
    """Tokens that the middle level collects before the whole model checks them (gamma)."""
    budget: int = 4096
    """Tokens retrieved per key/value head of a layer, once, at the end of the prompt."""
    chunk: int = 8
    """Neighbouring tokens that are retrieved together, by the mean of their keys; the first chunk always is."""
    draft: Drafter = field(default_factory=PromptLookup)
    """Who guesses for the middle level."""

    def __post_init__(self) -> None:
        if min(self.tokens, self.chunk) < 1:
            raise InputError(f"TriForce: tokens={self.tokens} and chunk={self.chunk} must both be at least 1")
        if self.budget < 2 * self.chunk:
            raise InputError(f"TriForce: budget={self.budget} must be at least two chunks of {self.chunk} tokens")

    def open(self, reader: Reader) -> Middle:
        """Open both levels; the session is forked when guesses are first asked for."""
        return Middle(self, reader)


class Middle:
    """The model with few of its stored tokens: checks the small draft's guesses, collects what holds."""

    def __init__(self, settings: TriForce, reader: Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._below = settings.draft.open(reader)
        self._follower: Follower | None = None

    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Collect tokens distributed as the middle level's, several a pass where the small draft is right."""
        follower, grown, probs = self._followed(text), list(text), []
        end = len(text) + min(room, self._settings.tokens)
        while len(grown) < end:
            left = end - len(grown) - 1
            guess = self._below.propose(grown, left, chooser) if self._below and left else Proposal([])
            logits_TV = follower.read([*grown, *guess.tokens], last=len(guess.tokens) + 1)
            sure = chooser.check(guess, logits_TV, grown)
            grown += sure.tokens
            probs.append(sure.probs_TV)
        return Proposal(grown[len(text) :], torch.cat([part for part in probs if part is not None]))

    def nbytes(self) -> int:
        """Bytes that both levels store."""
        own = self._follower.session.nbytes() if self._follower else 0
        return own + (self._below.nbytes() if self._below else 0)

    def close(self) -> None:
        """Close both levels."""
        if self._follower:
            self._follower.session.close()
        if self._below:
            self._below.close()

    def _followed(self, text: Sequence[int]) -> Follower:
        if self._follower is None:
            kv = Eviction(Chunks(self._settings.chunk), budget=self._settings.budget)
            self._follower = Follower(self._reader.fork(kv=kv), text[:-1])
        return self._follower


@dataclass(frozen=True, slots=True)
class Chunks:
    """The worth of stored tokens by whole chunks, from the prompt's last query."""

    size: int

    window = 1

    @property
    def always(self) -> int:
        """The first chunk, and the tokens at the end that are less than one."""
        return 2 * self.size - 1

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score each chunk by its mean key, turned as it is stored."""
        whole = len(kv) // self.size
        B, G, _, D = kv.k_BGSD.shape
        keys_BGND = kv.k_BGSD[:, :, : whole * self.size].float().reshape(B, G, whole, self.size, D).mean(3)
        query_BGD = look.q_BHTD[:, :, -1].float().reshape(B, G, -1, D).mean(2)
        score_BGN = (keys_BGND * query_BGD[:, :, None]).sum(-1)
        score_BGN[..., 0] = float("inf")
        score_BGS = score_BGN.repeat_interleave(self.size, -1)
        return F.pad(score_BGS, (0, len(kv) - whole * self.size), value=float("inf"))
