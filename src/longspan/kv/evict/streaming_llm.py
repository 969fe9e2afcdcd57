"""The beginning and the end of the text."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Look


@dataclass(frozen=True, slots=True)
class StreamingLLM:
    """StreamingLLM: keep the first few tokens, where attention rests, and the most recent. https://arxiv.org/abs/2309.17453
    Differs from the paper: positions are a seam of their own, the published method adds positions=cache_relative,
    chunks=true and every=1; tokens leave after a token was read and not before, so it sees one more.
    """

    sinks: int = 4
    """Tokens at the beginning that are always kept (start_size)."""

    window = 0

    def __post_init__(self) -> None:
        if self.sinks < 0:
            raise InputError(f"sinks is {self.sinks} tokens; give 0 or more")

    @property
    def always(self) -> int:
        """The sinks."""
        return self.sinks

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score by position, the sinks above all."""
        return kv.pos_BGS.float().masked_fill(kv.pos_BGS < self.sinks, float("inf"))
