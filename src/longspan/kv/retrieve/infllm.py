"""A memory of blocks, found by a few representative tokens each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.offload.rest import Block, Tier, check_tier, resting
from longspan.kv.retrieve.picked import grouped
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, copied, number, part_of, under


@dataclass(frozen=True, slots=True)
class InfLLM:
    """InfLLM: read the start, the latest tokens and the few past blocks that match the query. https://arxiv.org/abs/2402.04617

    Differs from the paper: the local window ends at a block boundary (local to local + block tokens), so no token is
    in neither window nor memory; `voters` queries of each chunk, not all, choose the representatives; distances are
    the position map's affair (use it with positions=rerope to get the paper's single far position); there is no cache
    of recent blocks.
    """

    init: int = 128
    """Tokens at the start of the text that every query sees (n_init)."""
    local: int = 4096
    """Latest tokens that every query sees (n_local)."""
    blocks: int = 16
    """Past blocks that a call reads (topk)."""
    block: int = 128
    """Tokens of a block (block_size)."""
    representatives: int = 4
    """Tokens whose mean key stands for a block (repr_topk)."""
    voters: int = 32
    """Queries of each chunk whose attention decides which tokens represent their block."""
    tier: Tier = "host"
    """Where filed blocks rest: host memory, or a temporary file, which keeps the process small."""
    raw_keys = True

    def __post_init__(self) -> None:
        check_tier(self.tier)
        if min(self.init, self.blocks) < 0 or min(self.local, self.block, self.representatives, self.voters) < 1:
            raise ValueError("local, block, representatives and voters are at least 1, init and blocks at least 0")
        if self.representatives > self.block:
            raise ValueError(f"representatives={self.representatives} do not fit into block={self.block}")

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Memory(self))


class _Memory(Row):
    def __init__(self, policy: InfLLM) -> None:
        self._policy = policy
        self._start = Buffer()
        self._near = Buffer()
        self._votes = torch.zeros(0)
        self._blocks = resting(policy.tier)
        self._keys_NGD = torch.empty(0)
        self._new = 0
        self._floor = -1

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._new = k_1GTD.shape[2]
        self._settle()
        self._near.append(k_1GTD, v_1GTD, pos_1T)
        self._votes = torch.cat([self._votes.to(k_1GTD.device), torch.zeros(self._new, device=k_1GTD.device)])

    def _settle(self) -> None:
        """Move what lies before the local window out of it: first the start of the text, then whole blocks."""
        policy, surplus = self._policy, self._near.length - self._policy.local
        moved = min(policy.init - self._start.length, surplus)
        if moved > 0:
            k, v, pos = self._near.slots(0, moved)
            self._start.append(k, v, pos)
        moved = max(moved, 0)
        while surplus - moved >= policy.block:
            self._remember(*self._near.slots(moved, moved + policy.block), self._votes[moved : moved + policy.block])
            moved += policy.block
        if moved:
            self._floor = self._next()
            self._near.drop(moved)
            self._votes = self._votes[moved:]

    def _remember(self, k_1GSD: Tensor, v_1GSD: Tensor, pos_1S: Tensor, votes_S: Tensor) -> None:
        best = votes_S.topk(self._policy.representatives).indices
        key_1GD = k_1GSD[:, :, best].float().mean(2)
        if len(self._blocks) >= len(self._keys_NGD):
            room = key_1GD.new_zeros(max(64, len(self._blocks)), *key_1GD.shape[1:])
            self._keys_NGD = torch.cat([self._keys_NGD.reshape(-1, *room.shape[1:]).to(room), room])
        self._keys_NGD[len(self._blocks)] = key_1GD[0]
        self._blocks.push((k_1GSD, v_1GSD, pos_1S))

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        far: list[Block] = [self._start.slots(0, self._start.length)] if self._start.length else []
        far += [self._blocks[index] for index in self._matching(q_1HTD)]
        if far:
            k, v, pos = (torch.cat([part[i].to(q_1HTD.device) for part in far], -1 if i == 2 else 2) for i in range(3))
            yield KV(k, v, pos[:, None].expand(-1, k.shape[1], -1))
        yield KV(*self._near.tail(self._near.length), new=self._new)

    def _matching(self, q_1HTD: Tensor) -> list[int]:
        """The blocks nearest to the mean query of the call, in text order; the same for every head."""
        count = min(self._policy.blocks, len(self._blocks))
        if not count:
            return []
        if count == len(self._blocks):
            return list(range(count))
        keys_NGD = self._keys_NGD[: len(self._blocks)]
        mean_GD = grouped(q_1HTD, keys_NGD.shape[1]).mean((1, 2))
        relevance_N = (keys_NGD * mean_GD).sum((1, 2))
        return sorted(relevance_N.topk(count).indices.tolist())

    def observe(self, look: Look) -> None:
        if look.moment == "token" or self._new < 2:
            return
        step = max(1, self._new // self._policy.voters)
        q, q_pos = look.q_BHTD[:, :, ::step], look.q_BT[:, ::step]
        near = KV(*self._near.tail(self._near.length), new=0)
        self._floor = self._next()
        self._votes += look.weights(q, q_pos, near).sum((0, 1, 2)) * step

    def _next(self) -> int:
        return int(self._near.slots(self._near.length - 1, self._near.length)[2]) + 1

    def check(self, length: int) -> None:
        if length < self._floor:
            raise NotRewindable(f"InfLLM has filed tokens at position {self._floor - 1}: it cannot go back before that")

    def truncate(self, length_1: Tensor) -> None:
        self._near.truncate(length_1)
        self._votes = self._votes[: self._near.length]

    def nbytes(self) -> int:
        return self._start.nbytes() + self._near.nbytes() + self._keys_NGD.nbytes

    def host_nbytes(self) -> int:
        return self._blocks.nbytes()

    def state(self) -> dict[str, Tensor]:
        filed = {"keys": self._keys_NGD[: len(self._blocks)], "floor": number(self._floor)}
        near = copied({"votes": self._votes, **under("near", self._near.state())})
        return {**filed, **near, **under("start", self._start.state()), **under("blocks", self._blocks.state())}

    def load(self, state: State) -> None:
        self._keys_NGD, self._floor, self._votes = state["keys"], int(state["floor"]), state["votes"].clone()
        self._start.load(part_of(state, "start"))
        self._near.load(part_of(state, "near"))
        self._blocks.load(part_of(state, "blocks"))
