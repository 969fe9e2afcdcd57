"""A way to run a model on long input: one choice per seam."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from longspan.core.spec import parse_into
from longspan.core.types import Drafter, KVPolicy, Pattern, PositionMap, Prune, Spectrum
from longspan.draft import plain as draft
from longspan.kv.full import Full
from longspan.pattern.dense import Dense
from longspan.position import plain as position
from longspan.prune import plain as prune
from longspan.rope import plain as rope


@dataclass(frozen=True, slots=True)
class Method:
    """One choice per seam; the default runs the model as it was trained, faster."""

    rope: Spectrum = field(default_factory=rope.Plain)
    positions: PositionMap = field(default_factory=position.Plain)
    pattern: Pattern = field(default_factory=Dense)
    kv: KVPolicy = field(default_factory=Full)
    draft: Drafter = field(default_factory=draft.Plain)
    prune: Prune = field(default_factory=prune.Plain)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Build a method from its string, such as `kv=snapkv:budget=1024 rope=yarn:factor=4`; empty is the default.

        Raises InputError for an unknown name or field, naming what exists and the nearest match.
        """
        return parse_into(cls, text)

    @property
    def rotates_on_write(self) -> bool:
        """Whether stored keys are final, so that a decoded token turns one key and not all of them."""
        return self.positions.fixed and not self.kv.raw_keys

    @property
    def extends(self) -> bool:
        """Whether distances or frequencies are changed, so that the trained window is no limit."""
        return self.rope != rope.Plain() or self.positions != position.Plain()
