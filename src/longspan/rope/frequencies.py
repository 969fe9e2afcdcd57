"""What several spectra are made from: plain frequencies, a greater base, and the rules for their settings."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope


def plain(rope: Rope) -> Tensor:
    """Frequencies [P] in float32 of the model's base, without any scaling of its own."""
    return 1.0 / rope.base ** (torch.arange(0, rope.dim, 2).float() / rope.dim)


def with_base_times(rope: Rope, stretch: float) -> Tensor:
    """The model's frequencies [P] with its base multiplied by stretch^(d / (d - 2)), d being the channels that turn.

    That slows the slowest pair by `stretch` and leaves the fastest as it is.
    """
    exponent_P = torch.arange(0, rope.dim, 2).double() / max(rope.dim - 2, 1)
    return (rope.rotation.frequencies_P.double() * stretch**-exponent_P).float()


def with_base(rope: Rope, base: float) -> Tensor:
    """The model's frequencies [P] with its base replaced by a greater one."""
    if base < rope.base:
        raise InputError(f"base={base:g} is below the model's own base of {rope.base:g}: give a greater one")
    exponent_P = torch.arange(0, rope.dim, 2).double() / rope.dim
    return (rope.rotation.frequencies_P.double() * (rope.base / base) ** exponent_P).float()


def check_factor(name: str, factor: float) -> None:
    """Raise InputError for a factor that would shorten the window."""
    if not factor >= 1:
        raise InputError(
            f"{name}: factor={factor} is below 1; 1 leaves the model as it is, more makes its window longer"
        )


def check_ramp(name: str, **ends: float) -> None:
    """Raise InputError unless the first of two ends of a ramp, in turns, is above 0 and below the second."""
    (slow, few), (fast, many) = ends.items()
    if not 0 < few < many:
        raise InputError(f"{name}: {slow}={few} must lie between 0 and {fast}={many}")
