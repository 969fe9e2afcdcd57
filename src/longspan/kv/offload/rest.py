"""Where blocks of stored tokens rest off the computing device: host memory, or a file mapped into memory."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

Block = tuple[Tensor, ...]
"""Tensors that rest together, the last of them the positions [B, S] of the block's tokens."""
ALIGNED = 16
"""Bytes; every tensor of a file begins at a multiple."""


class Host:
    """Blocks in host memory, pinned where there is an accelerator to copy to."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    @property
    def count(self) -> int:
        """Blocks at rest."""
        return len(self._blocks)

    def push(self, block: Block) -> None:
        """Copy a block behind the others."""
        *rest, pos_BS = block
        copies = [part.to("cpu", copy=True) for part in rest]
        if rest[0].device.type == "cuda":
            copies = [part.pin_memory() for part in copies]
        self._blocks.append((*copies, pos_BS.to("cpu", copy=True)))

    def pop(self) -> Block:
        """Take the last block back."""
        return self._blocks.pop()

    def fetched(self, device: torch.device) -> Iterator[Block]:
        """All blocks on a device, the next one on its way while one is used."""
        ahead: list[Block] = []
        for block in self._blocks:
            ahead.append(tuple(part.to(device, non_blocking=True) for part in block))
            if len(ahead) > 1:
                yield ahead.pop(0)
        yield from ahead


class Disk:
    """Blocks in a temporary file that is gone with the store; reading maps it, the system decides what is cached."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="longspan-kv-")
        self._path = Path(self._folder.name) / "blocks"
        weakref.finalize(self, self._folder.cleanup)
        self._places: list[tuple[int, Block]] = []
        self._end = 0

    @property
    def count(self) -> int:
        """Blocks at rest."""
        return len(self._places)

    def push(self, block: Block) -> None:
        """Write a block behind the others."""
        start = self._end
        with self._path.open("r+b" if start else "wb") as file:
            for part in block:
                file.seek(self._end)
                file.write(part.contiguous().view(torch.uint8).cpu().numpy().data)
                self._end += _room(part)
        self._places.append((start, tuple(part.new_empty(part.shape, device="meta") for part in block)))
        self._end += -self._end % mmap.ALLOCATIONGRANULARITY

    def pop(self) -> Block:
        """Take the last block back."""
        block = self._map(self.count - 1)
        self._end = self._places.pop()[0]
        return block

    def fetched(self, device: torch.device) -> Iterator[Block]:
        """All blocks on a device, one after the other."""
        for index in range(self.count):
            yield tuple(part.to(device) for part in self._map(index))

    def _map(self, index: int) -> Block:
        start, shapes = self._places[index]
        size = sum(map(_room, shapes[:-1])) + shapes[-1].nbytes
        with self._path.open("rb") as file:
            view = mmap.mmap(file.fileno(), size, offset=start, access=mmap.ACCESS_COPY)
        parts, at = [], 0
        for part in shapes:
            parts.append(torch.frombuffer(view, dtype=part.dtype, count=part.numel(), offset=at).view(part.shape))
            at += _room(part)
        return tuple(parts)


def _room(part: Tensor) -> int:
    """Bytes from a tensor's first to where the next one begins."""
    return part.nbytes + -part.nbytes % ALIGNED
