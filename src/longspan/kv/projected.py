"""Queries and keys as a model projected them, before they were turned."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from longspan.core.rotate import rotate
from longspan.core.types import Layer


def projected(x_BHTD: Tensor, pos_BHT: Tensor, layer: Layer) -> Tensor:
    """Turn queries or keys of a layer back by their positions, in float32, where they are turned at all."""
    if not layer.rotated:
        return x_BHTD.float()
    back = replace(layer.rotation, temperature=1 / layer.rotation.temperature)
    return rotate(x_BHTD.float(), -pos_BHT, back)
