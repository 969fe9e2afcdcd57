"""Every layer reads only what the last token still looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Glance


@dataclass(frozen=True, slots=True)
class LazyLLM:
    """LazyLLM: layer by layer a prompt loses what its last token attends to least; later steps fetch it back. https://arxiv.org/abs/2407.14057

    Differs from the paper: its shares are not published; ours are those of its figure. A prompt is read in one piece,
    not in chunks, because its last token decides. Only with kv=full and one text at a time.
    """

    depths: tuple[float, ...] = (0.3, 0.6, 0.9)
    """Shares of the layers behind which tokens are left out, rising, above 0 and below 1."""
    keep: float = 0.7
    """Share of the tokens that goes on each time, above 0 to 1."""

    def __post_init__(self) -> None:
        bounds = (0.0, *self.depths, 1.0)
        if not self.depths or any(a >= b for a, b in pairwise(bounds)):
            raise InputError(f"LazyLLM: depths={'|'.join(map(str, self.depths))} must rise, above 0 and below 1")
        if not 0 < self.keep <= 1:
            raise InputError(f"LazyLLM: keep={self.keep} must be above 0 and at most 1")

    def choose(self, prompt: Sequence[int], glance: Glance) -> Sequence[int]:
        """Return the index of every token: the first layers read all of them."""
        return range(len(prompt))

    def shares(self, depth: int) -> Mapping[int, float]:
        """Layers behind which tokens are left out, and the share that goes on."""
        return {max(0, round(share * depth) - 1): self.keep for share in self.depths}

    def score(self, weights_HS: Tensor) -> Tensor:
        """Attention of the last token, averaged over heads (equation 1)."""
        return weights_HS.mean(0)
