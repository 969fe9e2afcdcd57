"""Linear layers that compute in float32 and keep their weights in sixteen bits.

Weights that were trained in bfloat16 or float16 lose nothing so; products of a few tokens, which only wait for weights
from memory, take half the time or less, and wide models half the memory. What is multiplied is packed for FBGEMM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from longspan.models.alike import Shared, groups

EXACT = 2.0**-25
"""How far a weight may be off: half of the least step of float16, whose small numbers bfloat16 has more exactly."""
ENGINES = ("x86", "fbgemm")
"""PyTorch's engines of quantised products that are FBGEMM's."""
BYTES = 2
"""Of a weight."""
BLOCK = 512
"""FBGEMM packs so many input channels together, and makes room for the last block as for a whole one."""
ROWS = 4096
"""Outputs whose weights are looked at together, so that no second copy of a large matrix is made."""


def multiplies_half() -> bool:
    """Whether PyTorch has the products here."""
    return torch.backends.quantized.engine in ENGINES and hasattr(torch.ops.quantized, "linear_dynamic_fp16")


class Half:
    """A weight matrix [V, C] in sixteen bits, and its product with rows of float32."""

    def __init__(self, weight_VC: Tensor, bias_V: Tensor | None = None) -> None:
        bias_V = None if bias_V is None else bias_V.detach().float()
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight_VC.detach().float().contiguous(), bias_V)

    def __call__(self, x_BTC: Tensor) -> Tensor:
        """Outputs [B, T, V] in float32."""
        if x_BTC.dim() == 1:
            return self(x_BTC[None])[0]
        out: Tensor = torch.ops.quantized.linear_dynamic_fp16(x_BTC, self._packed)
        return out

    def unpacked(self) -> tuple[Tensor, Tensor | None]:
        """The weights [V, C] in float16 and the biases [V], in memory of their own."""
        weight_VC, bias_V = torch.ops.quantized.linear_unpack_fp16(self._packed)
        return weight_VC.half(), bias_V


class HalfLinear(nn.Module):
    """A linear layer, one of those that share a product because they read the same input. It has no gradient."""

    def __init__(self, half: Half, shared: Shared, index: int, part: nn.Linear, *, tied: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = part.in_features, part.out_features
        held = part.weight.numel() + (0 if part.bias is None else part.bias.numel())
        self.nbytes, self.parameters_added = packed_bytes(part.out_features, part.in_features), 0 if tied else held
        self._half, self._shared, self._index = half, shared, index

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Outputs [..., V] of inputs [..., C] in float32."""
        made = self._shared.made(self._index, x_BTC)
        return self._shared.make(self._index, x_BTC) if made is None else made

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, whole in zip(("weight", "bias"), self._half.unpacked(), strict=True):
            if whole is not None:
                destination[prefix + name] = self._shared.part(self._index, whole)


def packed_bytes(outputs: int, inputs: int) -> int:
    """Bytes of a packed weight matrix."""
    return BYTES * outputs * -(-inputs // BLOCK) * BLOCK


def holds(weight_VC: Tensor) -> bool:
    """Whether float16 has these weights, none of them rounded by more than float16's least step."""
    rows = weight_VC.detach().split(ROWS)
    off = max(float((some.half().float() - some.float()).abs().amax()) for some in rows)
    return off <= EXACT  # an overflow is infinitely far off


def halve(network: Any) -> None:
    """Put a `HalfLinear` in the place of every linear layer whose weights float16 has; all else becomes float32.

    Their own weights are given back one after the other, but for those that an embedding shares.
    """
    embedding = network.get_input_embeddings().weight
    places = {part: (owner, name) for owner in network.modules() for name, part in owner.named_children()}
    for parts in list(groups(network)):
        if all(holds(part.weight) for part in parts):
            half = Half(*_together(parts))
            shared = Shared(half, [part.out_features for part in parts])
            for index, part in enumerate(parts):
                owner, name = places[part]
                setattr(owner, name, HalfLinear(half, shared, index, part, tied=part.weight is embedding))
                del part.weight
    network.float()


def _together(parts: list[Any]) -> tuple[Tensor, Tensor | None]:
    weight = torch.cat([part.weight.detach() for part in parts])
    return weight, None if parts[0].bias is None else torch.cat([part.bias.detach() for part in parts])


def is_halved(network: nn.Module) -> bool:
    """Whether any linear layer keeps its weights so."""
    return any(True for _ in _halves(network))


def sizes(network: nn.Module) -> tuple[int, int]:
    """How many weights a network or a part of it has, shared ones counted once, and how many bytes they take."""
    own = {weight.data_ptr(): weight for weight in network.parameters()}.values()
    count = sum(weight.numel() for weight in own) + sum(half.parameters_added for half in _halves(network))
    return count, sum(weight.nbytes for weight in own) + sum(half.nbytes for half in _halves(network))


def _halves(network: nn.Module) -> Iterator[HalfLinear]:
    return (part for part in network.modules() if isinstance(part, HalfLinear))
