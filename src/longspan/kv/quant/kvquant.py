"""Levels where the numbers are, outliers apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longspan.core.errors import InputError
from longspan.core.types import Layer
from longspan.kv.quant.calibration import load
from longspan.kv.quant.coded import CodedKeys, CodedValues, Coding
from longspan.kv.quant.column import Column, Columns
from longspan.kv.quant.rounding import check_bytes
from longspan.kv.rows import WholeRows


@dataclass(frozen=True, slots=True)
class KVQuant:
    """KVQuant: code un-rotated keys by channel and values by token with fitted levels, outliers exact. https://arxiv.org/abs/2401.18079
    Differs from the paper: without a calibration, ranges and levels are fitted to the first prompt; a prompt's own
    attention is exact, its tokens are coded at its end; an outlier is stored with its channel, token by token.
    """

    bits: Literal[2, 3, 4] = 3
    """Bits of a number, packed without gaps."""
    outliers: float = 0.01
    """Share of a key channel, and of a token's values, that stays exact, half of it low and half high (1 - t)."""
    sinks: int = 1
    """First tokens of the text that stay exact."""
    normalize: bool = False
    """Shift and stretch the levels so that mean and deviation survive (Q-Norm); the paper does with 2 bits."""
    calibration: str = ""
    """File that `longspan.kv.quant.calibration.calibrate` wrote for the model; empty: fit to the first prompt."""
    sample: int = 512
    """Tokens there must be to fit to where no calibration is given; until then all stay exact."""
    residual: int = 0
    """Latest tokens that stay exact."""
    chunks: bool = False
    """Quantise after every chunk of a prompt too, not only at its end: memory stays low while it is read."""

    raw_keys = True

    def __post_init__(self) -> None:
        if self.bits not in (2, 3, 4):
            raise InputError(f"bits is {self.bits}; give 2, 3 or 4")
        if not 0 <= self.outliers < 0.5:
            raise InputError(f"outliers is {self.outliers}; give a share from 0 to below 0.5, such as 0.01")
        if self.sinks < 0 or self.residual < 0:
            raise InputError(f"sinks is {self.sinks} and residual {self.residual} tokens; give 0 or more")
        if self.sample < 1:
            raise InputError(f"sample is {self.sample} tokens; give 1 or more")

    @property
    def coding(self) -> Coding:
        """What a calibration is made for."""
        return Coding(self.bits, self.outliers, self.normalize)

    def open(self, layer: Layer) -> WholeRows:
        """Open an empty store; raises InputError where the calibration or the bits do not fit the model."""
        check_bytes(layer, self.bits)
        keys, values = load(self.coding, layer, self.calibration) if self.calibration else (None, None)
        return WholeRows(
            lambda: Columns(
                Column(CodedKeys(layer, self.coding, keys), self._ends, first=self.sinks),
                Column(CodedValues(layer, self.coding, values), self._ends, first=self.sinks),
                chunks=self.chunks,
            )
        )

    def _ends(self, length: int) -> int:
        enough = 1 if self.calibration else self.sample
        return length - self.residual if length - self.residual - self.sinks >= enough else 0
