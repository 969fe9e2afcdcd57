"""Keys rounded by channel, values by token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longspan.core.errors import InputError
from longspan.core.types import Layer
from longspan.kv.quant.column import Column, Columns
from longspan.kv.quant.rounding import Rounded
from longspan.kv.rows import WholeRows


@dataclass(frozen=True, slots=True)
class KIVI:
    """KIVI: round each key channel over groups of tokens and each token's values, the latest exact. https://arxiv.org/abs/2402.02750"""

    bits: Literal[2, 4] = 2
    """Bits of a number, beside 32 for each group."""
    group: int = 32
    """Tokens of a key channel, and channels of a token's values, that share a step and a lowest level (G)."""
    residual: int = 128
    """Latest tokens whose values stay exact; keys are rounded whenever so many have gathered (R), whole groups."""
    chunks: bool = False
    """Quantise after every chunk of a prompt too, not only at its end: memory stays low while it is read."""

    raw_keys = False
    whole = True

    def __post_init__(self) -> None:
        if self.bits not in (2, 4):
            raise InputError(f"bits is {self.bits}; give 2 or 4")
        if self.group < 1:
            raise InputError(f"group is {self.group}; give 1 or more")
        if self.residual < self.group or self.residual % self.group:
            raise InputError(
                f"residual is {self.residual} tokens, not whole groups of {self.group}; give a multiple, such as "
                f"{max(1, round(self.residual / self.group)) * self.group}"
            )

    def open(self, layer: Layer) -> WholeRows:
        """Open an empty store; raises InputError where the group does not divide the layer's head width."""
        self._columns(layer)
        return WholeRows(lambda: self._columns(layer))

    def _columns(self, layer: Layer) -> Columns:
        keys = Column(Rounded(layer, self.bits, tokens=self.group), lambda length: length - length % self.residual)
        values = Column(Rounded(layer, self.bits, channels=self.group), lambda length: length - self.residual)
        return Columns(keys, values, chunks=self.chunks)
