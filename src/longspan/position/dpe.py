"""Far tokens in groups, of another size for each range of frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class DPE:
    """DPE: each group of channel pairs sees far tokens at the distances it reads best. https://arxiv.org/abs/2504.18857

    Differs from the paper: all pairs are treated, as the authors' code does unless told otherwise, not only each head's
    most used ones; the window is rounded down to whole groups in prefill as in decoding.
    """

    scales: tuple[int, ...]
    """Neighbouring far tokens that share a position (g), for each of as many equal groups of channel pairs, the fastest
    first; found per model with needles, for Llama-3-8B-Instruct 2|8|2|8|32|32|32|4.
    """
    window: int = 1024
    """Tokens at their own distance, the query included (w)."""
    fixed = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) < 1 or self.window < 1:
            raise InputError(
                f"DPE: scales={self.scales} needs a number for each group; these and window={self.window}"
                " must be at least 1"
            )

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Group far tokens by each scale, and set near ones at their own distance."""
        scale_M, near_BGT = torch.tensor(self.scales, device=q_BGT.device), q_BGT - self.window + 1
        q_BGTM = q_BGT[..., None] // scale_M + self.window - self.window // scale_M
        return [Band(q_BGTM, k_BGS[..., None] // scale_M, end_BGT=near_BGT), Band(q_BGT, k_BGS, near_BGT)]
