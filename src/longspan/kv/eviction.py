"""Give up stored tokens for good: a score says which, a split how many of each head, two fields when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, KVPolicy, Layer, Look, Moment, NotRewindable, Rehearsal, Store
from longspan.kv.full import Full
from longspan.kv.merge.drop import Drop
from longspan.kv.run import Run, best, joined, runs
from longspan.kv.score import Judging, Score, opened
from longspan.kv.split.pooled import thresholds
from longspan.kv.split.uniform import Uniform
from longspan.kv.state import State, number, part_of, portable, under


class Split(Protocol):
    """How many tokens each head keeps."""

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Count [B, G]; more than a head has is all. EMPTY slots score minus infinity.

        `budget` is the mean over all heads and layers, unless the heads themselves say what they need. A text that is
        no longer than it keeps all its tokens, whatever the split says. `length_B` is how much has been read of each
        row's text, of which less may be stored.
        """
        ...


class Merge(Protocol):
    """What becomes of tokens that are given up."""

    def merged(self, kv: KV, keep_BGS: Tensor, look: Look, layer: Layer) -> Tensor:
        """The values [B, G, S, D] of all stored tokens, of which those marked will be kept."""
        ...


class EvictionStore:
    """Tokens of a layer: all of them until there are too many, then the best."""

    def __init__(self, policy: Eviction, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._stores: Sequence[Store] = [policy.keep.open(replace(layer, expected=0))]
        self._judge = opened(policy.score, layer, decoding=policy.every > 0)
        self._decoded = 0
        self._threshold_B: Tensor | None = None
        self.worth_BGS = torch.empty(0)
        """The scores of what was stored when a part of the text was last read again; minus infinity: no such token."""
        self._length_B = torch.zeros(1, dtype=torch.long, device=layer.device)
        self._prompt_B = self._evicted_B = self._length_B
        # a split that does not fit the model says so now, and not when the prompt has been read
        policy.split(torch.zeros(1, layer.num_kv_heads, 1), policy.score.always + 1, layer, torch.ones(1))

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""
        for store in self._stores:
            store.append(k_BGTD, v_BGTD, pos_BT)

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return one part, or one per row or head where they hold different numbers of tokens, or as they are kept."""
        for store in self._stores:
            yield from store.read(q_BHTD, q_BT)

    def observe(self, look: Look) -> None:
        """Evict where the moment is one for it."""
        if look.moment == "rehearsal":
            return self._rehearse(look)
        decoding = look.moment == "token"
        self._judge.see(look, lambda: self._stored(look))
        before = self._decoded
        self._decoded = before + look.q_BT.shape[1] if decoding else 0
        self._length_B = self._length_B.maximum(look.q_BT.amax(1) + 1)
        if not decoding:
            self._prompt_B = self._length_B
        if self._due(look.moment, before):
            self._evict(look)
        for store in self._stores:
            store.observe(look)
        if look.moment == "prompt_end":
            self._judge.rest()

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on, unless tokens before it were evicted with knowledge of later ones."""
        if bool((length_B < self._evicted_B).any()):
            raise NotRewindable(
                f"tokens were evicted when {self._evicted_B.tolist()} had been read, so rolling back to "
                f"{length_B.tolist()} cannot be exact: read the text again"
            )
        self._judge.truncate(length_B)
        for store in self._stores:
            store.truncate(length_B)
        self._length_B = self._length_B.minimum(length_B)
        self._prompt_B = self._prompt_B.minimum(length_B)
        self._decoded = int((length_B - self._prompt_B)[0])

    def draw(self, threshold_B: Tensor) -> None:
        """At the next eviction keep what is worth so much in each row, whatever a head's budget."""
        self._threshold_B = threshold_B

    def nbytes(self) -> int:
        """Bytes held, what the score remembers included."""
        return sum(store.nbytes() for store in self._stores) + self._judge.nbytes()

    def state(self) -> dict[str, Tensor]:
        """What each store and the judge hold, and how much was read, evicted and decoded."""
        lengths = {"length": self._length_B, "prompt": self._prompt_B, "evicted": self._evicted_B}
        state = {**lengths, "decoded": number(self._decoded), "stores": number(len(self._stores))}
        state |= under("judge", self._judge.state())
        for index, store in enumerate(self._stores):
            held = store if isinstance(store, Run) else portable(store, self._policy.keep)
            state |= under(f"store.{index}", held.state())
        return state

    def load(self, state: State) -> None:
        """Take it over."""
        self._length_B, self._prompt_B, self._evicted_B = (state[name] for name in ("length", "prompt", "evicted"))
        self._decoded = int(state["decoded"])
        self._judge.load(part_of(state, "judge"))
        each = [part_of(state, f"store.{index}") for index in range(int(state["stores"]))]
        if "place" in each[0]:
            self._stores = [Run.loaded(own, self._layer, self._policy.keep) for own in each]
        else:
            portable(self._stores[0], self._policy.keep).load(each[0])

    def _rehearse(self, look: Look) -> None:
        """Learn from a part of the text that is read again, and note what all that was read before is worth now."""
        kv = self._stored(look)
        self._judge.rehearse(kv, look)
        first_B = look.q_BT.amax(1) + 1 - (look.q_BT != EMPTY).sum(1)
        length_B11 = self._length_B.maximum(first_B)[:, None, None]
        gone_BGS = (kv.pos_BGS == EMPTY) | (kv.pos_BGS >= length_B11)
        self.worth_BGS = self._judge.score(kv, look).masked_fill(gone_BGS, float("-inf"))

    def _due(self, moment: Moment, decoded: int) -> bool:
        every = self._policy.every
        if moment == "token":
            return every > 0 and self._decoded // every > decoded // every
        return self._policy.evicts(moment) and self._judge.ready(self._length_B)

    def _stored(self, look: Look) -> KV:
        """All that is stored, as scores see it."""
        return joined(list(self.read(look.q_BHTD, look.q_BT)), look.q_BHTD.shape[0], self._layer.num_kv_heads)

    def _evict(self, look: Look) -> None:
        budgets = self._policy.budgets(self._length_B)
        fits_B = self._length_B <= torch.tensor(budgets, device=self._length_B.device)
        if bool(fits_B.all()):
            return
        kv = self._stored(look)
        if len(kv) <= self._policy.score.always:
            return
        score_BGS = self._judge.score(kv, look).masked_fill(kv.pos_BGS == EMPTY, float("-inf"))
        stored_BG = (kv.pos_BGS != EMPTY).sum(-1)
        kept_BG = torch.where(fits_B[:, None], stored_BG, self._counts(score_BGS, budgets)).minimum(stored_BG)
        if torch.equal(kept_BG, stored_BG):
            return
        keep_BGS = best(score_BGS, kept_BG)
        kv = replace(kv, v_BGSD=self._policy.merge.merged(kv, keep_BGS, look, self._layer))
        self._stores = runs(kv, keep_BGS, self._layer, self._policy.keep)
        self._judge.keep(kv, keep_BGS)
        self._evicted_B = self._length_B

    def _counts(self, score_BGS: Tensor, budgets: list[int]) -> Tensor:
        """Tokens [B, G] that each head may keep."""
        if self._threshold_B is not None:
            return (score_BGS >= self._threshold_B[:, None, None]).sum(-1)
        split, layer, length_B = self._policy.split, self._layer, self._length_B.to(score_BGS.device)
        if len(set(budgets)) == 1:
            return split(score_BGS, budgets[0], layer, length_B)
        rows = [slice(b, b + 1) for b in range(len(budgets))]
        each = [split(score_BGS[b], budget, layer, length_B[b]) for b, budget in zip(rows, budgets, strict=True)]
        return torch.cat(each)


@dataclass(frozen=True, slots=True)
class Eviction:
    """Eviction: keep the tokens that a score likes best, within a budget that a split divides over the heads."""

    score: Score | Judging
    """Which tokens are worth keeping."""
    budget: int | float = 1024
    """Tokens kept per key/value head of a layer, on average, or below 1 the share of the text read so far (0.25);
    later tokens come on top until the next eviction.
    """
    split: Split = field(default_factory=Uniform)
    """How the heads share the budget."""
    keep: KVPolicy = field(default_factory=Full)
    """Where the tokens live that are kept: as they are, rounded (integer, kivi) or at rest (offload). Rounded ones that
    are judged again are rounded again.
    """
    merge: Merge = field(default_factory=Drop)
    """What becomes of the values that are given up."""
    chunks: bool = False
    """Evict after every chunk of a prompt too, not only at its end: memory stays bounded while it is read."""
    every: int = 0
    """Evict each time this many more tokens are decoded; 0: never while decoding."""

    raw_keys = False

    def __post_init__(self) -> None:
        if isinstance(self.budget, float) and not 0 < self.budget < 1:
            raise InputError(
                f"a budget of {self.budget} is no share of a text: give a number between 0 and 1, or whole tokens"
            )
        if isinstance(self.budget, int) and self.budget <= self.score.always:
            raise InputError(
                f"a budget of {self.budget} tokens leaves no choice: {type(self.score).__name__} always keeps "
                f"{self.score.always}; give more than that"
            )
        if not getattr(self.keep, "whole", False):
            raise InputError(
                f"keep={type(self.keep).__name__.lower()} gives up, blends or chooses tokens itself, or wants keys "
                "before rotation: give one that holds what it is given, such as integer, kivi or offload"
            )
        if self.every < 0:
            raise InputError(f"every is {self.every} tokens; give 0 (never while decoding) or more")
        if hasattr(self.split, "pooled") and not hasattr(self.score, "rehearsal"):
            raise InputError(
                f"split=pooled compares all layers, and {type(self.score).__name__} is known of one after the other: "
                "take kvzip, or split=adakv"
            )
        if self.every and hasattr(self.score, "rehearsal"):
            raise InputError(
                f"{type(self.score).__name__} judges a prompt by reading it again, and decoded tokens are not: leave "
                "every out"
            )

    def open(self, layer: Layer) -> EvictionStore:
        """Open an empty store."""
        return EvictionStore(self, layer)

    def evicts(self, moment: Moment) -> bool:
        """Whether a prompt's tokens are given up at this moment."""
        return moment == "prompt_end" or (moment == "chunk" and self.chunks)

    def rehearsal(self, moment: Moment, length_B: Tensor) -> Rehearsal | None:
        """How texts that have grown so long are to be read again; None: they need not be."""
        found: Rehearsal | None = getattr(self.score, "rehearsal", None)
        fits = all(length <= budget for length, budget in zip(length_B.tolist(), self.budgets(length_B), strict=True))
        return found if self.evicts(moment) and not fits else None

    def rehearsed(self, stores: Sequence[EvictionStore], length_B: Tensor) -> None:
        """All texts have been read again in every layer, and each will be so long when its last token comes."""
        if hasattr(self.split, "pooled"):
            budgets = [budget - 1 for budget in self.budgets(length_B)]  # beside the last token, which every head keeps
            threshold_B = thresholds([store.worth_BGS for store in stores], budgets)
            for store in stores:
                store.draw(threshold_B)

    def budgets(self, length_B: Tensor) -> list[int]:
        """Tokens per head for rows of so many tokens: of a share never so few that the score has no choice."""
        if isinstance(self.budget, int):
            return [self.budget] * len(length_B)
        return [max(self.score.always + 1, round(self.budget * length)) for length in length_B.tolist()]
