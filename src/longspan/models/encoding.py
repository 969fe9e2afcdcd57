"""A way to read passages that are longer than an encoder was trained on: one choice per seam."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.spec import parse_into, spell
from longspan.core.types import PositionMap, Spectrum
from longspan.embed.parallel import Parallel
from longspan.position import plain as position
from longspan.rope import plain as rope


class Embed(Protocol):
    """How many tokens an encoder reads at once, and at which of its learned positions."""

    def reach(self, rows: int) -> int:
        """Tokens read at once; the vector of a longer text is the mean over windows of so many."""
        ...

    def places(self, length: int, rows: int) -> Tensor:
        """Give the place [T] in a table of `rows` of each of `length` tokens, whole or between two rows."""
        ...


@dataclass(frozen=True, slots=True)
class Encoding:
    """One choice per seam; the default reads windows that every encoder is used to.

    `embed` finds places in a learned table of positions; `rope` and `positions` change rotary encoders, for which
    `embed=parallel:window=4096` says how much is read at once. A text within the trained window is read as trained.
    """

    embed: Embed = field(default_factory=Parallel)
    rope: Spectrum = field(default_factory=rope.Plain)
    positions: PositionMap = field(default_factory=position.Plain)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Build a value from its string, such as `embed=interpolated:length=2048`; empty is the default.

        Raises InputError for an unknown name or field, naming what exists and the nearest match.
        """
        return parse_into(cls, text)

    @property
    def turns(self) -> bool:
        """Whether distances or frequencies of a rotary encoder are changed."""
        return self.rope != rope.Plain() or self.positions != position.Plain()

    def check_table(self, name: str, rows: int) -> None:
        """Raise InputError for what an encoder with a learned table of positions cannot do."""
        if self.turns:
            raise InputError(
                f"{name} learned a table of {rows} positions and turns nothing: leave rope= and positions= out and "
                "write embed=interpolated, embed=grouped or embed=recurrent"
            )
        reach = self.embed.reach(rows)
        if bool(self.embed.places(reach, rows).max() > rows - 1):
            raise InputError(
                f"{name} cannot read {reach:,} tokens at once by {spell(self.embed)}: it has {rows} positions. Give at "
                f"most {rows}, or write embed=interpolated, embed=grouped or embed=recurrent"
            )

    def check_rotary(self, name: str, window: int) -> None:
        """Raise InputError for what an encoder with rotary positions cannot do."""
        reach = self.embed.reach(window)
        if not torch.equal(self.embed.places(reach, window), torch.arange(reach)):
            raise InputError(
                f"{name} has rotary positions, no table for {spell(self.embed)}: write rope=ntk_aware:factor=8 or "
                "positions=self_extend, with embed=parallel:window=4096 for the tokens to read at once"
            )
        if reach > window and not self.turns:
            raise InputError(
                f"{name} was trained on {window:,} tokens and shall read {reach:,} at once: give at most {window:,}, "
                "or add rope=ntk_aware:factor=8 or positions=self_extend"
            )
