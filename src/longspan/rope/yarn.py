"""Slow channels interpolated, fast ones left alone."""

from __future__ import annotations

from dataclasses import dataclass

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, check_ramp
from longspan.rope.ramp import slowed, temperature


@dataclass(frozen=True, slots=True)
class YaRN:
    """YaRN: slow the channels that never turn around within the window, keep those that do. https://arxiv.org/abs/2309.00071

    Differs from the paper: the ramp between kept and slowed channels is linear in the channel's index, as in the
    authors' code and in every model trained with it; the paper writes it linear in the rotations.
    """

    factor: float
    """How many times the trained window the text may be long (s); 1 leaves the model as it is."""
    beta_fast: float = 32.0
    """Channels that turn more often than this within the window are kept (beta in the paper)."""
    beta_slow: float = 1.0
    """Channels that turn less often than this are slowed by the whole factor (alpha in the paper)."""
    mscale: float = 1.0
    """Strength of the temperature, 1 + 0.1 mscale ln(s) on cosine and sine; other than 1 only with mscale_all_dim."""
    mscale_all_dim: float = 0.0
    """Strength of a temperature that the model's own scale already holds, divided out (DeepSeek)."""
    truncate: bool = True
    """Round the ends of the ramp to whole channels; gpt-oss does not."""

    def __post_init__(self) -> None:
        check_factor("YaRN", self.factor)
        check_ramp("YaRN", beta_slow=self.beta_slow, beta_fast=self.beta_fast)
        if (self.mscale != 1 and not self.mscale_all_dim) or (self.mscale_all_dim and not self.mscale):
            raise InputError(
                f"YaRN: mscale={self.mscale} with mscale_all_dim={self.mscale_all_dim} means one temperature to"
                " transformers and another to DeepSeek's code: give both above 0, or neither"
            )

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return frequencies for any length; a scaling of the model's own is replaced, not added to."""
        if self.factor == 1:
            return rope.rotation
        frequencies_P = slowed(rope, self.factor, fast=self.beta_fast, slow=self.beta_slow, truncate=self.truncate)
        strength = temperature(self.factor, self.mscale) / temperature(self.factor, self.mscale_all_dim)
        return Rotation(frequencies_P, strength, rope.rotation.layout)
