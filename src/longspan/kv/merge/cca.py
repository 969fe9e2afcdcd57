"""A core token for every group of older ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under

SPARE = 512
"""Old tokens that may stay before they are dropped, so that dropping is a rare event and not a per-token one."""


@dataclass(frozen=True, slots=True)
class CCA:
    """CCA-Attention: every query reads the last tokens, and of older ones a weighted mean of each group. https://arxiv.org/abs/2412.12465
    Differs from the paper: the model is not trained for it (`cores` has gradients to train with); query heads that
    share a key/value head weigh by the mean of their weights; keys are pooled before rotation and stand where the
    group's last token does; sinks are ours (0: as published), without which an untrained model loses much.
    """

    group: int = 16
    """Tokens that become one core token (g)."""
    local: int = 1024
    """Latest tokens that every query reads as they are, itself included (s)."""
    sinks: int = 4
    """First tokens of the text that stay as they are."""
    raw_keys = True

    def __post_init__(self) -> None:
        if self.group < 2 or self.local < self.group or self.sinks < 0:
            raise InputError(
                f"CCA: group={self.group} must be at least 2 tokens, local={self.local} at least a group, "
                f"sinks={self.sinks} at least 0"
            )

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Cores(self))


class _Cores(Row):
    """The first tokens, a core token per group, and what a later query may still see of the tokens themselves."""

    def __init__(self, policy: CCA) -> None:
        self._policy = policy
        self._sinks, self._cores, self._local = Buffer(max(1, policy.sinks)), Buffer(), Buffer()
        self._held = policy.sinks
        """Position of the first token that is held as it is, the sinks aside."""
        self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        first = max(0, self._policy.sinks - int(pos_1T[0, 0]))
        if first:
            self._sinks.append(k_1GTD[:, :, :first], v_1GTD[:, :, :first], pos_1T[:, :first])
        if first < pos_1T.shape[1]:
            self._local.append(k_1GTD[:, :, first:], v_1GTD[:, :, first:], pos_1T[:, first:])
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        self._pool(q_1HTD, q_1T)
        policy, new, last = self._policy, self._new, int(q_1T[0, -1])
        old = policy.local - policy.group + 1
        if self._sinks.length:
            yield KV(*self._sinks.tail(self._sinks.length), holes=new > 1)
        beyond = min(self._cores.length, max(0, (last - old - policy.sinks + 1) // policy.group))
        if beyond:
            k, v, pos = self._cores.slots(0, beyond)
            yield KV(k, v, pos[:, None].expand(-1, k.shape[1], -1), beyond=old if new > 1 else 0)
        slots = min(self._local.length, policy.local - 1 + new)
        if slots:
            inside = min(new, slots)
            yield KV(*self._local.tail(slots), new=inside, reach=policy.local if new > 1 else 0)

    def _pool(self, q_1HTD: Tensor, q_1T: Tensor) -> None:
        """Make the core tokens of all groups whose last token is among those that run."""
        group, sinks, done = self._policy.group, self._policy.sinks, self._cores.length
        end = (self._local.length + self._held - sinks) // group
        if end <= done:
            return
        first, last = (sinks + each * group for each in (done, end))
        k, v, pos = self._local.slots(first - self._held, last - self._held)
        lasts_N = torch.arange(first + group - 1, last, group, device=pos.device)
        if int(lasts_N[0]) < int(q_1T[0, 0]):
            raise InputError(
                "CCA weighs by the queries of all tokens, and some were stored without: read the text anew"
            )
        q_HND = q_1HTD[0, :, lasts_N - q_1T[0, 0]]
        core_k, core_v = cores(q_HND, k[0], v[0])
        self._cores.append(core_k[None], core_v[None], lasts_N[None])

    def observe(self, look: Look) -> None:
        """Drop tokens that no later query sees; the last group stays until it is whole."""
        self._pool(look.q_BHTD, look.q_BT)
        policy, stored = self._policy, self._held + self._local.length
        whole = policy.sinks + self._cores.length * policy.group
        surplus = min(stored - policy.local + 1, whole) - self._held
        if surplus > SPARE:
            kept = self._local.slots(surplus, self._local.length)
            self._local = Buffer()
            self._local.hold(*(part.clone() for part in kept))
            self._held += surplus

    def check(self, length: int) -> None:
        policy = self._policy
        needed = min(length - policy.local + 1, policy.sinks + self._cores_of(length) * policy.group)
        if self._held > max(needed, policy.sinks):
            raise NotRewindable(f"CCA has merged the tokens before position {self._held} that {length} needs")

    def truncate(self, length_1: Tensor) -> None:
        for buffer in (self._sinks, self._local):
            if buffer.length:
                buffer.truncate(length_1)
        self._cores.length = min(self._cores.length, self._cores_of(int(length_1)))
        self._new = 0

    def _cores_of(self, length: int) -> int:
        """Whole groups of a text."""
        return max(0, (length - self._policy.sinks) // self._policy.group)

    def nbytes(self) -> int:
        return self._sinks.nbytes() + self._cores.nbytes() + self._local.nbytes()

    def state(self) -> dict[str, Tensor]:
        parts = {"sinks": self._sinks, "cores": self._cores, "local": self._local}
        state = {"held": number(self._held)}
        for name, buffer in parts.items():
            state |= under(name, buffer.state())
        return state

    def load(self, state: State) -> None:
        self._held = int(state["held"])
        self._sinks.load(part_of(state, "sinks"))
        self._cores.load(part_of(state, "cores"))
        self._local.load(part_of(state, "local"))


def cores(q_HND: Tensor, k_GTD: Tensor, v_GTD: Tensor) -> tuple[Tensor, Tensor]:
    """Core keys and values [G, N, D] of N groups of T tokens in all, as the last token of each weighs its own.

    Keys and queries as projected. Gradients reach all three.
    """
    (G, _, D), N = k_GTD.shape, q_HND.shape[1]
    k, v = (x.reshape(G, 1, N, -1, D) for x in (k_GTD, v_GTD))
    q = q_HND.reshape(G, -1, N, 1, D)
    weights = torch.softmax((q.float() @ k.float().mT) / math.sqrt(D), -1).mean(1).to(k.dtype)
    return (weights @ k[:, 0])[:, :, 0], (weights @ v[:, 0])[:, :, 0]
