"""Every token is kept, most of them off the computing device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look, NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.offload.rest import Block, Disk, Host, Tier, check_tier, resting
from longspan.kv.quant.column import SPARE
from longspan.kv.quant.rounding import Rounded
from longspan.kv.state import State


@dataclass(frozen=True, slots=True)
class Offload:
    """Offload: keep every token, older blocks in host memory or in a file, read block by block. https://arxiv.org/abs/2303.06865

    Differs from the paper: FlexGen also places weights and activations; here only stored tokens move, and where they
    are rounded the latest stay exact. The next block is fetched while the present one is attended, on the same stream.
    """

    tier: Tier = "disk"
    """Where older blocks rest: host memory (pays with an accelerator), or a temporary file mapped into memory."""
    block: int = 2048
    """Tokens of a block, the unit of moving and of attending."""
    bits: Literal[0, 4, 8] = 0
    """Bits of a number at rest, beside 32 for each group, as kv=integer rounds; 0: as it is."""
    group: int = 64
    """Neighbouring channels that share a step and a lowest level where numbers are rounded; divides the head width."""
    raw_keys = False
    whole = True

    def __post_init__(self) -> None:
        check_tier(self.tier)
        if self.block < 1:
            raise InputError(f"block={self.block} is not at least 1")
        if self.bits not in (0, 4, 8):
            raise InputError(f"bits is {self.bits}; give 4 or 8, or 0 for numbers as they are")
        if self.group < 1:
            raise InputError(f"group is {self.group} channels; give 1 or more")

    def open(self, layer: Layer) -> OffloadStore:
        """Open an empty store; raises InputError where the group does not divide the layer's head width."""
        form = _Few(lambda: Rounded(layer, self.bits, channels=self.group)) if self.bits else _Plain()
        return OffloadStore(resting(self.tier), self.block, form)


class OffloadStore:
    """The latest tokens on the device, one to two blocks of them, and all older ones at rest."""

    def __init__(self, rest: Host | Disk, block: int, form: _Plain | _Few) -> None:
        self._rest = rest
        self._block = block
        self._form = form
        self._near = Buffer()
        self._new = 0
        self._holes = False

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call; full blocks before the latest go to rest."""
        full = max(0, self._near.length - 1 - self._form.spare) // self._block
        for index in range(full):
            k, v, pos = self._near.slots(index * self._block, (index + 1) * self._block)
            self._rest.push((*self._form.written(k), *self._form.written(v), pos))
        if full > 0:
            kept = self._near.slots(full * self._block, self._near.length)
            self._near.hold(*(part.clone() for part in kept))
        if pos_BT.shape[0] > 1:
            self._holes = self._holes or bool((pos_BT == EMPTY).any())
        self._near.append(k_BGTD, v_BGTD, pos_BT)
        self._new = k_BGTD.shape[2]

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return the latest tokens, then the blocks at rest one after the other."""
        yield KV(*self._near.tail(self._near.length), new=self._new, holes=self._holes)
        for block in self._rest.fetched(q_BHTD.device):
            k, v, pos = self._back(block)
            yield KV(k, v, pos[:, None].expand(-1, k.shape[1], -1), holes=self._holes)

    def observe(self, look: Look) -> None:
        """Nothing to learn."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget tokens from `length_B` on, taking blocks back from rest where the text now ends in them.

        Raises NotRewindable where these are rounded.
        """
        if len(self._rest) and not self._form.exact and not self._near.left(length_B):
            raise NotRewindable(f"the exact tokens that rolling back to {length_B.tolist()} needs are rounded")
        self._near.truncate(length_B)
        while not self._near.length and len(self._rest):
            k, v, pos = (part.clone() for part in self._back(self._rest.pop()))
            self._near.append(k.to(length_B.device), v.to(length_B.device), pos.to(length_B.device))
            self._near.truncate(length_B)

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        return self._near.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Copies of all slots, in host memory, wherever they rest."""
        near = (part.cpu() for part in self._near.slots(0, self._near.length))
        blocks = [*map(self._back, self._rest.fetched(torch.device("cpu"))), tuple(near)]
        k, v, pos = (torch.cat(parts, axis) for parts, axis in zip(zip(*blocks, strict=True), (2, 2, 1), strict=True))
        return {"k": k, "v": v, "pos": pos}

    def load(self, state: State) -> None:
        """Take over slots, all but the latest to rest."""
        self.append(state["k"], state["v"], state["pos"])
        self._new = 0

    def _back(self, block: Block) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values [B, G, S, D] and positions [B, S] of a block at rest."""
        *written, pos_BS = block
        half = len(written) // 2
        k, v = (self._form.read(part, *pos_BS.shape) for part in (written[:half], written[half:]))
        return k, v, pos_BS


class _Plain:
    """Numbers rest as they are."""

    exact = True
    spare = 0

    def written(self, x_BGSD: Tensor) -> tuple[Tensor, ...]:
        return (x_BGSD,)

    def read(self, written: Sequence[Tensor], rows: int, slots: int) -> Tensor:
        return written[0]


class _Few:
    """Numbers rest in few bits: codes, and the levels of each group."""

    exact = False
    spare = SPARE

    def __init__(self, rounded: Callable[[], Rounded]) -> None:
        self._rounded = rounded
        rounded()

    def written(self, x_BGSD: Tensor) -> tuple[Tensor, ...]:
        rounded = self._rounded()
        rounded.push(x_BGSD.flatten(0, 2)[:, None])
        state = rounded.state()
        return state["codes"], state["levels"]

    def read(self, written: Sequence[Tensor], rows: int, slots: int) -> Tensor:
        rounded, (codes, levels) = self._rounded(), written
        rounded.load({"codes": codes, "levels": levels})
        x_N1D = rounded.pull(0, len(codes))
        return x_N1D.view(rows, -1, slots, x_N1D.shape[2])
