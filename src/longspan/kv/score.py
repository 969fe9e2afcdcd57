"""The worth of stored tokens: what a score is, and what stands between one and the store that asks it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.recent import LookBack, Recent
from longspan.kv.state import State, part_of, under

SPARE = 64
"""Decoded tokens that can be rolled back before a score that has seen their queries says no."""
ALL = -1
"""The window of a score that wants to see every query."""


class Score(Protocol):
    """The worth of stored tokens, judged by the end of the text."""

    @property
    def window(self) -> int:
        """How many of the last queries it wants to see; 0: none."""
        ...

    @property
    def always(self) -> int:
        """Tokens of a head that it always keeps."""
        ...

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score [B, G, S]: higher is kept, infinity always.

        `kv` holds all that is stored by position, EMPTY slots in front (their score does not count), and more tokens
        than `always`; the queries of `look` are the last `window` of the prompt, however it was cut into chunks.
        """
        ...


class Judge(ABC):
    """A score at work in one layer of one session: what one need not remember, it leaves as it is here."""

    def learn(self, kv: KV, look: Look) -> None:
        """Take note of the queries of `look`, each shown once and in order; `kv` is as a score's, theirs included."""
        return

    @abstractmethod
    def score(self, kv: KV, look: Look) -> Tensor:
        """Score [B, G, S] as a score does, all queries learned."""

    def ready(self, length_B: Tensor) -> bool:
        """Whether it can judge texts of these lengths by what it has learned."""
        return True

    def keep(self, pos_BGS: Tensor) -> None:
        """Forget all tokens but those at these positions, sorted in each head, EMPTY in front."""
        return

    def truncate(self, length_B: Tensor) -> None:
        """Forget what was learned from positions `length_B` on; raises NotRewindable when that cannot be exact."""
        return

    def nbytes(self) -> int:
        """Bytes held."""
        return 0

    def state(self) -> dict[str, Tensor]:
        """What it remembers, for a judge of the same settings and layer in another session."""
        return {}

    def load(self, state: State) -> None:
        """Take over what another one remembered."""
        return


@runtime_checkable
class Judging(Protocol):
    """A score that remembers what it saw, or differs from layer to layer: settings that open a judge.

    One with `rehearsal` has the text read again, and its judges learn from the queries of that too.
    """

    @property
    def window(self) -> int:
        """ALL: its judges learn from every query; 0: from none."""
        ...

    @property
    def always(self) -> int:
        """Tokens of a head that it always keeps."""
        ...

    def judge(self, layer: Layer) -> Judge:
        """Open what scores in one layer of one session."""
        ...


class ByWindow:
    """A score with the last queries, kept while they may be asked for."""

    def __init__(self, score: Score, *, decoding: bool) -> None:
        self._score = score
        self._decoding = decoding
        self._recent = Recent(score.window, SPARE if decoding else 0)

    def see(self, look: Look, stored: Callable[[], KV]) -> None:
        """Remember the queries of a call."""
        if self._score.window and (self._decoding or look.moment != "token"):
            self._recent.append(look.q_BHTD, look.q_BT)

    def rehearse(self, kv: KV, look: Look) -> None:
        """Nothing is learned from a text that is read again."""

    def ready(self, length_B: Tensor) -> bool:
        """It always is."""
        return True

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score all that is stored."""
        return self._score(kv, LookBack(look, *self._recent.read()) if self._score.window else look)

    def keep(self, kv: KV, keep_BGS: Tensor) -> None:
        """Nothing is remembered of single tokens."""

    def rest(self) -> None:
        """The prompt is over: forget what no decoded token asks for."""
        if not self._decoding:
            self._recent.clear()

    def truncate(self, length_B: Tensor) -> None:
        """Forget the queries from `length_B` on."""
        self._recent.truncate(length_B)

    def nbytes(self) -> int:
        """Bytes held."""
        return self._recent.nbytes()

    def state(self) -> dict[str, Tensor]:
        """The queries."""
        return self._recent.state()

    def load(self, state: State) -> None:
        """Take them over."""
        self._recent.load(state)


class ByLearning:
    """A judge, and the decoded tokens' queries that it has not learned from yet, so that they can be rolled back."""

    def __init__(self, score: Judging, layer: Layer) -> None:
        self._learns = score.window == ALL
        self._judge = score.judge(layer)
        self._held: list[tuple[Tensor, Tensor]] = []
        self._learned_B = torch.zeros(1, dtype=torch.long, device=layer.device)

    def see(self, look: Look, stored: Callable[[], KV]) -> None:
        """Learn from a prompt at once, from decoded tokens when many more have followed."""
        if not self._learns:
            return
        if look.moment != "token":
            self._held.append((look.q_BHTD, look.q_BT))
            return self._learn(stored(), look, 0)
        self._held.append((look.q_BHTD.clone(), look.q_BT))
        if sum(q_BT.shape[1] for _, q_BT in self._held) > 2 * SPARE:
            self._learn(stored(), look, SPARE)

    def rehearse(self, kv: KV, look: Look) -> None:
        """Learn from a part of the text that is read again."""
        self._judge.learn(kv, look)
        read_B = (look.q_BT != EMPTY).sum(1)
        self._learned_B = self._learned_B.maximum((look.q_BT.amax(1) + 1 - read_B).clamp_min(0))

    def ready(self, length_B: Tensor) -> bool:
        """Whether the judge has learned enough."""
        return self._judge.ready(length_B)

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score all that is stored, everything learned."""
        self._learn(kv, look, 0)
        return self._judge.score(kv, look)

    def keep(self, kv: KV, keep_BGS: Tensor) -> None:
        """Forget all tokens but these."""
        pos_BGS = kv.pos_BGS.masked_fill(~keep_BGS, EMPTY).sort(-1).values
        self._judge.keep(pos_BGS[..., len(kv) - int(keep_BGS.sum(-1).max()) :])

    def rest(self) -> None:
        """What was learned stays."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget the queries from `length_B` on, those learned from if the judge can."""
        if bool((length_B < self._learned_B).any()):
            self._judge.truncate(length_B)
            self._learned_B = self._learned_B.minimum(length_B)
        self._held = [(q, q_BT.masked_fill(q_BT >= length_B[:, None], EMPTY)) for q, q_BT in self._held]

    def nbytes(self) -> int:
        """Bytes held."""
        return self._judge.nbytes() + sum(q_BHTD.nbytes + q_BT.nbytes for q_BHTD, q_BT in self._held)

    def state(self) -> dict[str, Tensor]:
        """What the judge remembers, and what it has still to learn from."""
        state = {"learned": self._learned_B, **under("judge", self._judge.state())}
        if self._held:
            state["q"], state["pos"] = self._waiting()
        return state

    def load(self, state: State) -> None:
        """Take it over."""
        self._learned_B = state["learned"]
        self._judge.load(part_of(state, "judge"))
        self._held = [(state["q"], state["pos"])] if "q" in state else []

    def _learn(self, kv: KV, look: Look, spare: int) -> None:
        """Let the judge learn from all queries held but the last `spare`."""
        if not self._held:
            return
        q_BHTD, q_BT = self._waiting()
        ripe = q_BT.shape[1] - spare
        self._judge.learn(kv, LookBack(look, q_BHTD[:, :, :ripe], q_BT[:, :ripe]))
        self._learned_B = self._learned_B.maximum(q_BT[:, :ripe].amax(1) + 1)
        self._held = [(q_BHTD[:, :, ripe:].clone(), q_BT[:, ripe:])] if spare else []

    def _waiting(self) -> tuple[Tensor, Tensor]:
        """Queries [B, H, T, D] not learned from yet, and their positions [B, T]."""
        return torch.cat([q for q, _ in self._held], 2), torch.cat([pos for _, pos in self._held], 1)


def opened(score: Score | Judging, layer: Layer, *, decoding: bool) -> ByWindow | ByLearning:
    """Put a score to work in a layer; `decoding`: it is asked while tokens are decoded too."""
    return ByLearning(score, layer) if isinstance(score, Judging) else ByWindow(score, decoding=decoding)
