"""A stream read through a window, and brought back for a question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, Moment, NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.offload.rest import Block, Tier, check_tier, resting
from longspan.kv.recent import Recent
from longspan.kv.retrieve.picked import Grown, grouped
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, copied, number, part_of, under

MOMENTS: tuple[Moment, ...] = get_args(Moment)


@dataclass(frozen=True, slots=True)
class ReKV:
    """ReKV: read a stream through a sliding window, keep all of it, and give a question the blocks that match it. https://arxiv.org/abs/2503.00540
    Differs from the paper: blocks are of text, not frames of a video; the first prompt is the stream and every later
    one a question, whose tokens stay readable; the end of the stream chooses for an answer that follows it at once; the
    window slides from call to call. Use positions=cache_relative for the paper's consecutive positions. Blocks are
    compared by cosine, as the paper says; its code takes the dot product.
    """

    init: int = 16
    """Tokens at the start of the text that are always read (the paper's system prompt)."""
    local: int = 15000
    """Latest tokens that the stream is read with (n_local)."""
    blocks: int = 64
    """Blocks brought back for a question (retrieve size)."""
    block: int = 196
    """Tokens of a block (those of a frame)."""
    question: int = 64
    """Last tokens of the stream that stand for a question when none follows as a prompt of its own."""
    tier: Tier = "host"
    """Where filed blocks rest: host memory, or a temporary file, which keeps the process small."""
    raw_keys = True

    def __post_init__(self) -> None:
        check_tier(self.tier)
        if min(self.block, self.blocks, self.question) < 1 or self.init < 0:
            raise InputError(
                f"block={self.block}, blocks={self.blocks} and question={self.question} must be at least 1, "
                f"init={self.init} at least 0"
            )
        if self.local < self.block:
            raise InputError(f"local={self.local} tokens must be at least a block of {self.block}")

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Stream(self))


class _Stream(Row):
    def __init__(self, policy: ReKV) -> None:
        self._policy = policy
        self._init = Buffer()
        self._near = Buffer()
        self._start = 0
        self._blocks = resting(policy.tier)
        self._keys = Grown()
        self._recent = Recent(policy.question, 0)
        self._answers: list[tuple[int, list[int]]] = []
        self._far: tuple[list[int], KV] | None = None
        self._new = 0
        self._moment: Moment = "chunk"

    @property
    def _length(self) -> int:
        return self._start + self._near.length

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        surplus = self._near.length - self._policy.local
        if not self._answers and surplus > 0:
            first = min(self._policy.init - self._init.length, surplus)
            if first > 0:
                self._init.append(*self._near.slots(0, first))
            self._near.drop(surplus)
            self._start += surplus
        self._near.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        tail = self._near.length
        if self._answers and self._blocks:
            tail = self._length - self._policy.init - len(self._blocks) * self._policy.block
            asked = self._new > 1 or self._moment == "chunk"
            chosen = self._matching(q_1HTD) if asked else self._answers[-1][1]
            if self._far is None or self._far[0] != chosen:
                self._far = chosen, self._fetched(chosen, q_1HTD.device)
            yield self._far[1]
        elif self._init.length:
            yield KV(*self._init.tail(self._init.length))
        if tail:
            yield KV(*self._near.tail(tail), new=self._new)

    def _matching(self, q_1HTD: Tensor) -> list[int]:
        """The blocks whose mean key points where the mean query does, in text order; the same for every head."""
        keys_GND = self._keys.read()
        query_GD = grouped(q_1HTD, len(keys_GND)).mean(2).sum(1)
        alike_N = (keys_GND * query_GD[:, None]).sum((0, 2)) / keys_GND.square().sum((0, 2)).sqrt()
        found: list[int] = alike_N.topk(min(self._policy.blocks, len(self._blocks))).indices.sort().values.tolist()
        return found

    def _fetched(self, chosen: list[int], device: torch.device) -> KV:
        """The start of the text and some blocks, on the device."""
        parts: list[Block] = [self._init.slots(0, self._init.length)] if self._init.length else []
        if self._start < self._policy.init:
            parts.append(self._near.slots(0, self._policy.init - self._start))
        parts += [self._blocks[index] for index in chosen]
        k, v, pos = (torch.cat([part[i].to(device) for part in parts], -1 if i == 2 else 2) for i in range(3))
        return KV(k, v, pos[:, None].expand(-1, k.shape[1], -1))

    def observe(self, look: Look) -> None:
        self._moment = look.moment
        if look.moment == "prompt_end" and self._answers:
            self._answers.append((self._length, self._matching(look.q_BHTD) if self._blocks else []))
        if self._answers:
            return
        self._recent.append(look.q_BHTD, look.q_BT)
        self._file()
        if look.moment == "prompt_end":
            self._answers.append((self._length, self._matching(self._recent.read()[0]) if self._blocks else []))
            self._recent.clear()

    def _file(self) -> None:
        """Copy complete blocks to the host; the window keeps its own copy."""
        size = self._policy.block
        first = self._policy.init + len(self._blocks) * size - self._start
        for slot in range(first, self._near.length - size + 1, size):
            k, v, pos = self._near.slots(slot, slot + size)
            self._keys.write(len(self._blocks), k[0].float().mean(1, keepdim=True))
            self._blocks.push((k, v, pos))

    def check(self, length: int) -> None:
        if all(answer[0] > length for answer in self._answers):
            raise NotRewindable(f"ReKV has filed the stream: it cannot go back into it, to {length} tokens")

    def truncate(self, length_1: Tensor) -> None:
        self._answers = [answer for answer in self._answers if answer[0] <= int(length_1)]
        self._near.truncate(length_1)

    def nbytes(self) -> int:
        far = (self._far[1].k_BGSD, self._far[1].v_BGSD, self._far[1].pos_BGS) if self._far else ()
        held = self._init.nbytes() + self._near.nbytes() + self._keys.nbytes() + self._recent.nbytes()
        return held + sum(x.nbytes for x in far)

    def host_nbytes(self) -> int:
        return self._blocks.nbytes()

    def state(self) -> dict[str, Tensor]:
        state = {"start": number(self._start), "moment": number(MOMENTS.index(self._moment)), "keys": self._keys.read()}
        state |= under("init", self._init.state()) | under("near", copied(self._near.state()))
        state |= under("recent", self._recent.state()) | under("blocks", self._blocks.state())
        for index, (end, chosen) in enumerate(self._answers):
            state[f"answer.{index}"] = torch.tensor([end, *chosen])
        return state

    def load(self, state: State) -> None:
        self._start, self._moment = int(state["start"]), MOMENTS[int(state["moment"])]
        self._keys.write(0, state["keys"])
        self._init.load(part_of(state, "init"))
        self._near.load(part_of(state, "near"))
        self._recent.load(part_of(state, "recent"))
        self._blocks.load(part_of(state, "blocks"))
        answers = part_of(state, "answer")
        for end, *chosen in (answers[str(index)].tolist() for index in range(len(answers))):
            self._answers.append((end, chosen))
