"""What a session has read, as a value that another session can go on from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from longspan.core.types import Rotation

SLOTS = frozenset({"k", "v", "pos"})
"""Names of a layer's state that is nothing but slots in the order the tokens arrived."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A text that was read and the stored tokens of every layer."""

    text_BT: Tensor
    pos_BT: Tensor
    """Their positions; EMPTY for padding."""
    profile: str
    """Digest of the rotations they were read under and of when keys are turned (see `profile_of`)."""
    layers: Mapping[int, Mapping[str, Tensor]]
    """Each layer's state as its store gave it."""

    def __len__(self) -> int:
        return self.text_BT.shape[1]

    @property
    def tokens(self) -> list[int]:
        """The text, where it is one row."""
        (row,) = self.text_BT.tolist()
        return list(row)

    @property
    def whole(self) -> bool:
        """Whether every layer holds every token of one text, so that its beginning can be cut off and used alone."""
        return self.text_BT.shape[0] == 1 and all(
            state.keys() == SLOTS and torch.equal(state["pos"], self.pos_BT) for state in self.layers.values()
        )

    def nbytes(self) -> int:
        """Bytes of stored tokens."""
        return sum(part.nbytes for state in self.layers.values() for part in state.values())

    def copy(self, first: int = 0, end: int | None = None) -> Snapshot:
        """Memory of its own, of some tokens where `whole` holds."""
        here = slice(first, end)
        axis = {"k": (..., here, slice(None)), "v": (..., here, slice(None)), "pos": (..., here)}
        layers = {
            index: {name: (part[axis[name]] if end is not None else part).clone() for name, part in state.items()}
            for index, state in self.layers.items()
        }
        return Snapshot(self.text_BT[:, here].clone(), self.pos_BT[:, here].clone(), self.profile, layers)


def joined(parts: Sequence[Snapshot]) -> Snapshot:
    """Neighbouring pieces of one text as one."""
    first = parts[0]
    layers = {
        index: {
            name: torch.cat([part.layers[index][name] for part in parts], -1 if name == "pos" else 2) for name in state
        }
        for index, state in first.layers.items()
    }
    text_BT, pos_BT = torch.cat([part.text_BT for part in parts], 1), torch.cat([part.pos_BT for part in parts], 1)
    return Snapshot(text_BT, pos_BT, first.profile, layers)


def profile_of(rotations: Mapping[str, Rotation], *, on_write: bool = True) -> str:
    """Name rotations by what they do: hex sha256 of every layer type's frequencies and settings, and whether keys are
    turned when they are stored or when they are read.
    """
    total = hashlib.sha256(b"" if on_write else b"on read ")
    for kind in sorted(rotations):
        for field in fields(Rotation):
            value = getattr(rotations[kind], field.name)
            said = value.cpu().numpy().tobytes() if isinstance(value, Tensor) else repr(value).encode()
            total.update(f"{kind} {field.name} {len(said)} ".encode() + said)
    return total.hexdigest()


def names_of(salt: str, tokens: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    """Name beginnings of a text, which end at rising `ends`: hex sha256 of the salt and every token before."""
    total = hashlib.sha256(f"{len(salt)} {salt}".encode())
    before = 0
    for end in ends:
        total.update(np.asarray(tokens[before:end], "<i8").tobytes())
        before = end
        yield total.hexdigest()
