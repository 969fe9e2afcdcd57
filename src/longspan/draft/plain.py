"""Nobody guesses."""

from __future__ import annotations

from dataclasses import dataclass

from longspan.core.types import Draft, Reader


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain: one token at a time, as the model gives them. https://arxiv.org/abs/1706.03762"""

    def open(self, reader: Reader) -> Draft | None:
        """Open nothing."""
        return None
