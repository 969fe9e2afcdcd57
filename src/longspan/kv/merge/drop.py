"""Nothing of what is evicted stays."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.types import KV, Layer, Look


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop: what is evicted is gone, its values too."""

    def merged(self, kv: KV, keep_BGS: Tensor, look: Look, layer: Layer) -> Tensor:
        """Return the values as they are."""
        return kv.v_BGSD
