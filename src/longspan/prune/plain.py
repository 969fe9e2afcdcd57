"""Every token is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longspan.core.types import Glance


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain: every token of a prompt goes through every layer. https://arxiv.org/abs/1706.03762"""

    def choose(self, prompt: Sequence[int], glance: Glance) -> Sequence[int]:
        """Return the index of every token."""
        return range(len(prompt))
