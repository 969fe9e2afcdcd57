"""Every token is kept, most of them off the computing device."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.buffer import Buffer
from longspan.kv.state import State

Block = tuple[Tensor, Tensor, Tensor]
"""Keys and values [B, G, S, D] and positions [B, S] at rest."""


@dataclass(frozen=True, slots=True)
class Offload:
    """Offload: keep every token, older blocks in host memory or in a file, read block by block. https://arxiv.org/abs/2303.06865

    Differs from the paper: FlexGen also places weights and activations; here only stored tokens move. The next block
    is fetched while the present one is attended, on the same stream.
    """

    tier: Literal["host", "disk"] = "disk"
    """Where older blocks rest: host memory (pays with an accelerator), or a temporary file mapped into memory."""
    block: int = 2048
    """Tokens of a block, the unit of moving and of attending."""
    raw_keys = False
    whole = True

    def __post_init__(self) -> None:
        if self.tier not in ("host", "disk"):
            raise ValueError(f"tier={self.tier!r} is neither host nor disk")
        if self.block < 1:
            raise ValueError(f"block={self.block} is not at least 1")

    def open(self, layer: Layer) -> OffloadStore:
        """Open an empty store."""
        return OffloadStore(_Disk() if self.tier == "disk" else _Host(), self.block)


class OffloadStore:
    """The latest tokens on the device, one to two blocks of them, and all older ones at rest."""

    def __init__(self, rest: _Host | _Disk, block: int) -> None:
        self._rest = rest
        self._block = block
        self._near = Buffer()
        self._new = 0
        self._holes = False

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call; full blocks before the latest go to rest."""
        full = (self._near.length - 1) // self._block
        for index in range(full):
            self._rest.push(*self._near.slots(index * self._block, (index + 1) * self._block))
        if full > 0:
            self._near.drop(full * self._block)
        if pos_BT.shape[0] > 1:
            self._holes = self._holes or bool((pos_BT == EMPTY).any())
        self._near.append(k_BGTD, v_BGTD, pos_BT)
        self._new = k_BGTD.shape[2]

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return the latest tokens, then the blocks at rest one after the other."""
        yield KV(*self._near.tail(self._near.length), new=self._new, holes=self._holes)
        for k, v, pos in self._rest.fetched(q_BHTD.device):
            yield KV(k, v, pos[:, None].expand(-1, k.shape[1], -1), holes=self._holes)

    def observe(self, look: Look) -> None:
        """Nothing to learn."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget tokens from `length_B` on, taking blocks back from rest where the text now ends in them."""
        self._near.truncate(length_B)
        while not self._near.length and self._rest.count:
            k, v, pos = (part.clone() for part in self._rest.pop())
            self._near.append(k.to(length_B.device), v.to(length_B.device), pos.to(length_B.device))
            self._near.truncate(length_B)

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        return self._near.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Copies of all slots, in host memory, wherever they rest."""
        host = torch.device("cpu")
        near = (part.cpu() for part in self._near.slots(0, self._near.length))
        blocks = [*self._rest.fetched(host), tuple(near)]
        k, v, pos = (torch.cat(parts, axis) for parts, axis in zip(zip(*blocks, strict=True), (2, 2, 1), strict=True))
        return {"k": k, "v": v, "pos": pos}

    def load(self, state: State) -> None:
        """Take over slots, all but the latest to rest."""
        self.append(state["k"], state["v"], state["pos"])
        self._new = 0


class _Host:
    """Blocks in host memory, pinned where there is an accelerator to copy to."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    @property
    def count(self) -> int:
        return len(self._blocks)

    def push(self, k_BGSD: Tensor, v_BGSD: Tensor, pos_BS: Tensor) -> None:
        pin = k_BGSD.device.type == "cuda"
        k, v, pos = (part.to("cpu", copy=True) for part in (k_BGSD, v_BGSD, pos_BS))
        self._blocks.append((k.pin_memory(), v.pin_memory(), pos) if pin else (k, v, pos))

    def pop(self) -> Block:
        return self._blocks.pop()

    def fetched(self, device: torch.device) -> Iterator[Block]:
        ahead: list[Block] = []
        for block in self._blocks:
            k, v, pos = (part.to(device, non_blocking=True) for part in block)
            ahead.append((k, v, pos))
            if len(ahead) > 1:
                yield ahead.pop(0)
        yield from ahead


class _Disk:
    """Blocks in a temporary file that is gone with the store; reading maps it, the system decides what is cached."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="longspan-kv-")
        self._path = Path(self._folder.name) / "blocks"
        weakref.finalize(self, self._folder.cleanup)
        self._places: list[tuple[int, Block]] = []
        self._end = 0

    @property
    def count(self) -> int:
        return len(self._places)

    def push(self, k_BGSD: Tensor, v_BGSD: Tensor, pos_BS: Tensor) -> None:
        start = self._end
        with self._path.open("r+b" if start else "wb") as file:
            file.seek(start)
            for part in (k_BGSD, v_BGSD):
                file.write(part.contiguous().view(torch.uint8).cpu().numpy().data)
            self._end = file.tell() + -file.tell() % mmap.ALLOCATIONGRANULARITY
        shape = k_BGSD.new_empty(k_BGSD.shape, device="meta")
        self._places.append((start, (shape, shape, pos_BS.to("cpu", copy=True))))

    def pop(self) -> Block:
        block = self._map(self.count - 1)
        self._end = self._places.pop()[0]
        return block

    def fetched(self, device: torch.device) -> Iterator[Block]:
        for index in range(self.count):
            k, v, pos = self._map(index)
            yield k.to(device), v.to(device), pos.to(device)

    def _map(self, index: int) -> Block:
        start, (shape, _, pos_BS) = self._places[index]
        with self._path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 2 * shape.nbytes, offset=start, access=mmap.ACCESS_COPY)
        values = (torch.frombuffer(view, dtype=shape.dtype, count=shape.numel(), offset=at) for at in (0, shape.nbytes))
        k, v = (value.view(shape.shape) for value in values)
        return k, v, pos_BS
