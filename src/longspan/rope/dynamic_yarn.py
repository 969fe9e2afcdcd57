"""YaRN, as strong as the request is long."""

from __future__ import annotations

from dataclasses import dataclass

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_ramp
from longspan.rope.ramp import slowed, temperature


@dataclass(frozen=True, slots=True)
class DynamicYaRN:
    """Dynamic YaRN: within the window as trained, beyond it YaRN's factor is length over window. https://arxiv.org/abs/2309.00071

    Differs from the paper: the length is the one planned for the whole request, so all its keys share one factor; the
    factor does not change from token to token. The ramp is linear in the channel's index, as in the authors' code.
    """

    beta_fast: float = 32.0
    """Channels that turn more often than this within the window are kept (beta in the paper)."""
    beta_slow: float = 1.0
    """Channels that turn less often than this are slowed by the whole factor (alpha in the paper)."""

    def __post_init__(self) -> None:
        check_ramp("DynamicYaRN", beta_slow=self.beta_slow, beta_fast=self.beta_fast)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own rotation for a request within the window, YaRN's for a longer one."""
        if length <= rope.window:
            return rope.rotation
        factor = length / rope.window
        frequencies_P = slowed(rope, factor, fast=self.beta_fast, slow=self.beta_slow, truncate=True)
        return Rotation(frequencies_P, temperature(factor), rope.rotation.layout)
