"""Where blocks of stored tokens rest off the computing device: host memory, or a file mapped into memory."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.kv.state import State, part_of

Block = tuple[Tensor, ...]
"""Tensors that rest together, the last of them the positions [B, S] of the block's tokens."""
Form = tuple[torch.dtype, torch.Size]
"""Of a tensor in a file."""
Tier = Literal["host", "disk"]
SLACK = 8
"""Of the blocks that rest in host memory, one part of so many is made room for at a time."""
ALIGNED = 16
"""Bytes; every tensor of a file begins at a multiple."""


class Host:
    """Blocks of one shape in host memory, pinned where there is an accelerator to copy to.

    They lie side by side in slabs, for a hundred thousand small tensors take twice their bytes of a process.
    """

    def __init__(self) -> None:
        self._slabs: list[Block] = []
        self._places: list[tuple[int, int]] = []
        """The slab of each block, and where in it."""

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Block:
        slab, at = self._places[index]
        return tuple(part[at] for part in self._slabs[slab])

    def push(self, block: Block) -> None:
        """Copy a block behind the others."""
        slab, at = self._places[-1] if self._places else (-1, 0)
        slab, at = (slab, at + 1) if slab >= 0 and at + 1 < len(self._slabs[slab][0]) else (slab + 1, 0)
        if slab == len(self._slabs):
            pinned = block[0].device.type == "cuda"
            many = max(1, len(self) // SLACK)
            self._slabs.append(
                tuple(part.new_empty(many, *part.shape, device="cpu", pin_memory=pinned) for part in block)
            )
        for slot, part in zip(self._slabs[slab], block, strict=True):
            slot[at].copy_(part)
        self._places.append((slab, at))

    def pop(self) -> Block:
        """Take the last block back."""
        block = tuple(part.clone() for part in self[-1])
        self._places.pop()
        return block

    def fetched(self, device: torch.device) -> Iterator[Block]:
        """All blocks on a device, the next one on its way while one is used."""
        ahead: list[Block] = []
        for index in range(len(self)):
            ahead.append(tuple(part.to(device, non_blocking=True) for part in self[index]))
            if len(ahead) > 1:
                yield ahead.pop(0)
        yield from ahead

    def nbytes(self) -> int:
        """Bytes of the blocks in host memory."""
        return len(self) * sum(part.nbytes for part in self[0]) if len(self) else 0

    def state(self) -> dict[str, Tensor]:
        """Views of all blocks: the tensors of each slab, by its number and theirs."""
        filled = Counter(slab for slab, _ in self._places).items()
        return {f"{slab}.{n}": part[:count] for slab, count in filled for n, part in enumerate(self._slabs[slab])}

    def load(self, state: State) -> None:
        """Take such slabs over as they are, while empty."""
        while parts := part_of(state, str(len(self._slabs))):
            self._places += [(len(self._slabs), at) for at in range(len(parts["0"]))]
            self._slabs.append(tuple(parts[str(n)].cpu() for n in range(len(parts))))


class Disk:
    """Blocks in a temporary file that is gone with the store; reading maps it, the system decides what is cached."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="longspan-kv-", dir=temporary())
        self._path = Path(self._folder.name) / "blocks"
        weakref.finalize(self, self._folder.cleanup)
        self._places: list[tuple[int, list[Form]]] = []
        self._end = 0
        self._given = Host()
        """Blocks taken over, which lie in a file that another one has mapped."""

    def __len__(self) -> int:
        return len(self._given) + len(self._places)

    def __getitem__(self, index: int) -> Block:
        given = len(self._given)
        return self._given[index] if index < given else self._mapped(*self._places[index - given])

    def _mapped(self, start: int, forms: list[Form]) -> Block:
        sizes = [_room(dtype.itemsize * shape.numel()) for dtype, shape in forms]
        with self._path.open("rb") as file:
            view = mmap.mmap(file.fileno(), sum(sizes), offset=start, access=mmap.ACCESS_COPY)
        parts, at = [], 0
        for (dtype, shape), size in zip(forms, sizes, strict=True):
            parts.append(torch.frombuffer(view, dtype=dtype, count=shape.numel(), offset=at).view(shape))
            at += size
        return tuple(parts)

    def push(self, block: Block) -> None:
        """Write a block behind the others."""
        start = self._end
        with self._path.open("r+b" if start else "wb") as file:
            for part in block:
                file.seek(self._end)
                file.write(part.contiguous().view(torch.uint8).cpu().numpy().data)
                self._end += _room(part.nbytes)
            self._end += -self._end % mmap.ALLOCATIONGRANULARITY
            file.truncate(self._end)
        self._places.append((start, [(part.dtype, part.shape) for part in block]))

    def pop(self) -> Block:
        """Take the last block back."""
        if not self._places:
            return self._given.pop()
        block = self[len(self) - 1]
        self._end = self._places.pop()[0]
        return block

    def fetched(self, device: torch.device) -> Iterator[Block]:
        """All blocks on a device, one after the other."""
        for index in range(len(self)):
            yield tuple(part.to(device) for part in self[index])

    def nbytes(self) -> int:
        """Bytes of the blocks in host memory: none."""
        return 0

    def state(self) -> dict[str, Tensor]:
        """Views of all blocks, mapped, as `Host` has them."""
        given = self._given.state()
        if not self._places:
            return given
        with self._path.open("rb") as file:
            view = mmap.mmap(file.fileno(), self._end, access=mmap.ACCESS_COPY)
        count, (_, forms) = len(self._places), self._places[0]
        slab, stride, at = len(given) // len(forms), self._end // count, 0
        for n, (dtype, shape) in enumerate(forms):
            whole = torch.frombuffer(view, dtype=dtype, count=(self._end - at) // dtype.itemsize, offset=at)
            size = (stride // dtype.itemsize, *torch.empty(shape, device="meta").stride())
            given[f"{slab}.{n}"] = whole.as_strided((count, *shape), size)
            at += _room(dtype.itemsize * shape.numel())
        return given

    def load(self, state: State) -> None:
        """Take such slabs over as they are, while empty."""
        self._given.load(state)


def resting(tier: Tier) -> Host | Disk:
    """An empty place for blocks of one shape."""
    return Disk() if tier == "disk" else Host()


def temporary() -> Path:
    """Where the files lie: in TMPDIR if it is set, otherwise in /var/tmp if there is one, for /tmp is often memory."""
    folders = (os.environ.get("TMPDIR", ""), "/var/tmp", tempfile.gettempdir())
    return Path(next(folder for folder in folders if os.access(folder, os.W_OK)))


def check_tier(tier: str) -> None:
    """Raise InputError for a tier that does not exist."""
    if tier not in get_args(Tier):
        raise InputError(f"tier={tier!r} is neither host nor disk")


def _room(nbytes: int) -> int:
    """Bytes from a tensor's first to where the next one begins."""
    return nbytes + -nbytes % ALIGNED
