"""Reading a transformers model's rotary embedding, and standing in for it while sessions are open."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from longspan.core.errors import InputError
from longspan.core.rotate import cosine_sine
from longspan.core.types import Layout, Rope, Rotation

SHARED = ""
"""The layer type of models whose layers all turn alike."""
LENGTH_DEPENDENT = ("dynamic", "longrope")
"""Transformers' kinds of scaling that depend on the length of the request."""


class Turner(Protocol):
    """What an open session says of the tokens it is running."""

    def angles(self, layer_type: str) -> tuple[Tensor, Tensor] | None:
        """Cosine and sine [B, T, P] in float32 to rotate by, or None to leave queries and keys as projected."""
        ...


RUNNING: ContextVar[Turner | None] = ContextVar("the session whose tokens this thread runs", default=None)


def _own(decoder: Any) -> Any:
    """The model's own rotary module, whether or not sessions are open."""
    rotary = decoder.rotary_emb
    return rotary.inner if isinstance(rotary, StandIn) else rotary


def layer_types(decoder: Any) -> tuple[str, ...]:
    """The layer types that have a rotary embedding of their own."""
    named = getattr(_own(decoder), "layer_types", None)
    return tuple(sorted(set(named))) if named else (SHARED,)


def read_rope(decoder: Any, layer_type: str, length: int = 0) -> Rope:
    """A model's rotary embedding as trained, for a request of `length` tokens; 0 is a short one."""
    frequencies_P, temperature = _spectrum(decoder, layer_type, length)
    rotation = Rotation(frequencies_P.detach().float().cpu(), float(temperature), _layout(decoder))
    base = float(_parameters(decoder, layer_type)["rope_theta"])
    return Rope(2 * frequencies_P.numel(), base, decoder.config.max_position_embeddings, rotation)


def settled_length(decoder: Any, layer_type: str) -> int:
    """The length of request up to which a model's own spectrum is one and the same; its window where it always is."""
    window: int = decoder.config.max_position_embeddings
    parameters = _parameters(decoder, layer_type)
    return parameters["original_max_position_embeddings"] if parameters["rope_type"] == "longrope" else window


def _parameters(decoder: Any, layer_type: str) -> dict[str, Any]:
    parameters: dict[str, Any] = decoder.config.rope_parameters
    return parameters[layer_type] if layer_type else parameters


def _spectrum(decoder: Any, layer_type: str, length: int) -> tuple[Tensor, float]:
    """The model's own frequencies [P] and factor on cosine and sine, whatever it has run before."""
    rotary, prefix = _own(decoder), f"{layer_type}_" if layer_type else ""
    kind = _parameters(decoder, layer_type)["rope_type"]
    if kind in LENGTH_DEPENDENT and length > settled_length(decoder, layer_type):
        return ROPE_INIT_FUNCTIONS[kind](decoder.config, seq_len=length, layer_type=layer_type or None)
    return getattr(rotary, f"{prefix}original_inv_freq"), getattr(rotary, f"{prefix}attention_scaling")


def _layout(decoder: Any) -> Layout:
    """Turn a unit vector by a right angle with the model's own function and see where it lands."""
    attention = type(decoder.layers[0].self_attn)
    apply: Callable[..., Any] | None = getattr(sys.modules[attention.__module__], "apply_rotary_pos_emb", None)
    if apply is None:
        raise InputError(f"cannot take over {attention.__name__}: it does not rotate with apply_rotary_pos_emb")
    cos, _ = _probe(decoder)
    channels = 2 * _pairs(decoder)
    unit = torch.zeros(1, 1, 1, channels)
    unit[..., 0] = 1.0
    turned = apply(unit, unit, torch.zeros_like(cos), torch.ones_like(cos))[0]
    landed = int(turned.abs().argmax())
    if landed not in (1, channels // 2):
        raise InputError(f"cannot take over {attention.__name__}: its rotary channels pair 0 with {landed}")
    return "half" if landed == channels // 2 else "interleaved"


def _pairs(decoder: Any) -> int:
    prefix = layer_types(decoder)[0]
    return int(getattr(_own(decoder), f"{prefix}_inv_freq" if prefix else "inv_freq").numel())


def _probe(decoder: Any) -> tuple[Tensor, Tensor]:
    kind = layer_types(decoder)[0]
    device = next(decoder.parameters()).device
    inputs = (torch.zeros(1, 1, 1, device=device), torch.ones(1, 1, dtype=torch.long, device=device))
    cos, sin = _own(decoder)(*inputs, kind) if kind else _own(decoder)(*inputs)
    return cos.cpu(), sin.cpu()


class StandIn(nn.Module):
    """Gives a running session's angles in the model's own form; without one it is the model's own module."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.inner = decoder.rotary_emb
        cos, _ = _probe(decoder)
        pairs = _pairs(decoder)
        self._channels = cos.shape[-1]
        self._repeat = self._channels == 2 * pairs and bool(torch.equal(cos[..., 0::2], cos[..., 1::2]))

    def forward(self, x: Tensor, position_ids: Tensor, layer_type: str = SHARED) -> tuple[Tensor, Tensor]:
        """Cosine and sine [B, T, channels] in the dtype of `x`."""
        session = RUNNING.get()
        if session is None:
            own: tuple[Tensor, Tensor] = (
                self.inner(x, position_ids, layer_type) if layer_type else self.inner(x, position_ids)
            )
            return own
        angles = session.angles(layer_type)
        if angles is None:
            shape = (*position_ids.shape, self._channels)
            return x.new_ones(shape), x.new_zeros(shape)
        cos, sin = (self._spread(part).to(x.dtype) for part in angles)
        return cos, sin

    def _spread(self, part_BTP: Tensor) -> Tensor:
        if part_BTP.shape[-1] == self._channels:
            return part_BTP
        return part_BTP.repeat_interleave(2, -1) if self._repeat else torch.cat([part_BTP, part_BTP], -1)


def angles_at(pos_BT: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """Cosine and sine of tokens at these positions; padding turns by nothing."""
    return cosine_sine(pos_BT.clamp_min(0), rotation)
