"""Every token rounded by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longspan.core.errors import InputError
from longspan.core.types import Layer
from longspan.kv.quant.column import Column, Columns
from longspan.kv.quant.rounding import Rounded
from longspan.kv.rows import WholeRows


@dataclass(frozen=True, slots=True)
class Integer:
    """Integer: round the channels of each older token to 4 or 8 bits in groups. https://arxiv.org/abs/2303.06865
    Differs from the paper: FlexGen quantises every token; here the latest stay exact.
    """

    bits: Literal[4, 8] = 4
    """Bits of a number, beside 32 for each group."""
    group: int = 64
    """Neighbouring channels that share a step and a lowest level; divides the head width."""
    residual: int = 128
    """Latest tokens that stay exact."""
    chunks: bool = False
    """Quantise after every chunk of a prompt too, not only at its end: memory stays low while it is read."""

    raw_keys = False
    whole = True

    def __post_init__(self) -> None:
        if self.bits not in (4, 8):
            raise InputError(f"bits is {self.bits}; give 4 or 8")
        if self.group < 1:
            raise InputError(f"group is {self.group} channels; give 1 or more")
        if self.residual < 0:
            raise InputError(f"residual is {self.residual} tokens; give 0 or more")

    def open(self, layer: Layer) -> WholeRows:
        """Open an empty store; raises InputError where the group does not divide the layer's head width."""
        self._columns(layer)
        return WholeRows(lambda: self._columns(layer))

    def _columns(self, layer: Layer) -> Columns:
        keys, values = (Rounded(layer, self.bits, channels=self.group) for _ in range(2))
        return Columns(Column(keys, self._ends), Column(values, self._ends), chunks=self.chunks)

    def _ends(self, length: int) -> int:
        return length - self.residual
