"""A draft of one layer that looks at what the model's last layer stores. GliDe: https://arxiv.org/abs/2402.02082"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Ends, Layer, Rotation

SHORT = 1200
"""Training texts of up to so many tokens are moved away from the beginning."""
FAR = 30_000
"""The position they are moved to at most, or 1,000 less than the model's window."""
WINDOW = 512
"""Tokens before its own that a token of the draft sees of itself."""
EPSILON = 1e-5

Look = Callable[[Tensor], Tensor]
"""From queries [B, H, T, D] as projected to the attention [B, H, T, D] of the model's last layer."""


class Glide(nn.Module):
    """Self-attention over the last tokens, attention over what the model stores, and a perceptron.

    `width` is the model's, `inner` that of the perceptron; heads and their width are those of the model's layer.
    """

    def __init__(self, layer: Layer, *, width: int, inner: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = layer.num_heads, layer.num_kv_heads, layer.head_dim
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.input_layernorm = nn.RMSNorm(width, EPSILON)
        self.self_attn = nn.ModuleDict({"q_proj": nn.Linear(width, queries), "o_proj": _plain(queries, width)})
        self.self_attn.update({"k_proj": nn.Linear(width, keys), "v_proj": nn.Linear(width, keys)})
        self.post_self_attention_layernorm = nn.RMSNorm(width, EPSILON)
        self.cross_attn = nn.ModuleDict({"q_proj": nn.Linear(width, queries), "o_proj": _plain(queries, width)})
        self.post_cross_attention_layernorm = nn.RMSNorm(width, EPSILON)
        self.mlp = nn.ModuleDict({"gate_proj": _plain(width, inner), "up_proj": _plain(width, inner)})
        self.mlp.update({"down_proj": _plain(inner, width)})

    @classmethod
    def load(cls, file: Path, layer: Layer, *, width: int) -> Glide:
        """Read weights, named as published, for a model's layer; InputError where they are missing or do not fit."""
        try:
            weights = load_file(file)
            inner, own = weights["mlp.gate_proj.weight"].shape
            if own != width:
                raise InputError(
                    f"the draft in {file} was trained for another model: its hidden states have {own} channels, this "
                    f"model's {width}"
                )
            draft = cls(layer, width=width, inner=inner)
            draft.load_state_dict({name: weights[name] for name in draft.state_dict()})
        except (OSError, SafetensorError) as error:
            raise InputError(f"cannot read draft weights from {file}: {error}; give a .safetensors file") from error
        except KeyError as error:
            raise InputError(f"{file} has no weight {error}: it does not hold a LongSpec draft") from error
        except RuntimeError as error:
            raise InputError(f"the draft in {file} was trained for another model: {error}") from error
        return draft.to(device=layer.device, dtype=layer.dtype).eval().requires_grad_(False)

    def store(self, x_BTC: Tensor, pos_BT: Tensor, *, rotation: Rotation) -> tuple[Tensor, Tensor]:
        """Keys, rotated, and values [B, G, T, D] of embedded tokens; they depend on nothing else."""
        x_BTC = self.input_layernorm(x_BTC)
        k, v = (self._heads(self.self_attn[name](x_BTC), self.kv_heads) for name in ("k_proj", "v_proj"))
        return rotate(k, pos_BT[:, None], rotation), v

    def forward(
        self,
        x_BTC: Tensor,
        pos_BT: Tensor,
        *,
        rotation: Rotation,
        own: tuple[Tensor, Tensor],
        mask: Tensor | None,
        look: Look,
    ) -> Tensor:
        """What the model's head reads, [B, T, C]; `mask`: which of its own stored tokens a token sees, None: all."""
        q_BHTD = self._heads(self.self_attn["q_proj"](self.input_layernorm(x_BTC)), self.heads)
        q_BHTD = rotate(q_BHTD, pos_BT[:, None], rotation)
        seen_BHTD = F.scaled_dot_product_attention(q_BHTD, *own, attn_mask=mask, enable_gqa=True)
        x_BTC = x_BTC + self.self_attn["o_proj"](_flat(seen_BHTD))
        q_BHTD = self._heads(self.cross_attn["q_proj"](self.post_self_attention_layernorm(x_BTC)), self.heads)
        x_BTC = x_BTC + self.cross_attn["o_proj"](_flat(look(q_BHTD)))
        y_BTC = self.post_cross_attention_layernorm(x_BTC)
        gated = F.silu(self.mlp["gate_proj"](y_BTC)) * self.mlp["up_proj"](y_BTC)
        out_BTC: Tensor = x_BTC + self.mlp["down_proj"](gated)
        return out_BTC

    def _heads(self, x_BTC: Tensor, heads: int) -> Tensor:
        return x_BTC.reshape(*x_BTC.shape[:2], heads, self.head_dim).transpose(1, 2)


def anchored(length: int, *, window: int, generator: torch.Generator) -> Tensor:
    """Positions [T] of a training text: a few first tokens stay, a short text's others move far away together."""
    positions = torch.arange(length)
    if length > SHORT:
        return positions
    sinks = int(torch.randint(5, (1,), generator=generator))
    room = max(min(FAR, window - 1000) - length, 0)
    positions[sinks:] += int(torch.randint(room + 1, (1,), generator=generator))
    return positions


def loss(
    draft: Glide,
    tokens_BT: Tensor,
    *,
    pos_BT: Tensor,
    ends: Ends,
    kv: tuple[Tensor, Tensor],
    lag: int,
    window: int = WINDOW,
) -> Tensor:
    """Mean cross-entropy of the next token; its gradient reaches the draft alone.

    `kv` holds the keys, rotated, and values [B, G, T, D] of the model's last layer at these positions. A token sees
    them up to the one `lag` before it, as guesses do: draw it anew from 1 to 4 for each step.
    """
    rotation, index_T = ends.layer.rotation, torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
    ago_TT = index_T[:, None] - index_T
    k_BGTD, v_BGTD = (x.detach() for x in kv)

    def look(q_BHTD: Tensor) -> Tensor:
        turned = rotate(q_BHTD, pos_BT[:, None], rotation)[:, :, lag:]
        seen = ago_TT[lag:] >= lag
        out = F.scaled_dot_product_attention(turned, k_BGTD, v_BGTD, attn_mask=seen, enable_gqa=True)
        return F.pad(out, (0, 0, lag, 0))

    x_BTC = ends.embed(tokens_BT).detach()
    own = draft.store(x_BTC, pos_BT, rotation=rotation)
    seen = (ago_TT >= 0) & (ago_TT <= window)
    hidden_BTC = draft(x_BTC, pos_BT, rotation=rotation, own=own, mask=seen, look=look)
    return _through(hidden_BTC, lambda x: F.cross_entropy(ends.head(x)[:, :-1].mT, tokens_BT[:, 1:]))


def _through(x_BTC: Tensor, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """What `measure` says of `x`, with a gradient for `x` and none for the weights that `measure` uses."""
    with torch.enable_grad():
        leaf = x_BTC.detach().requires_grad_()
        value = measure(leaf)
        (slope_BTC,) = torch.autograd.grad(value, leaf)
    return value.detach() + ((x_BTC - x_BTC.detach()) * slope_BTC).sum()


def _plain(width: int, to: int) -> nn.Linear:
    return nn.Linear(width, to, bias=False)


def _flat(x_BHTD: Tensor) -> Tensor:
    return x_BHTD.transpose(1, 2).flatten(2)
