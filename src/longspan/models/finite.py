"""Where numbers that are none come from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def non_finite(model: Any, text_BT: Tensor, pos_BT: Tensor) -> str:
    """Run the tokens once more with ears on every layer: which one first gives numbers that are none."""
    bad: list[int] = []

    def listen(module: Any, args: Any, out: Any) -> None:
        hidden = out[0] if isinstance(out, tuple) else out
        if not bool(torch.isfinite(hidden).all()):
            bad.append(module.self_attn.layer_idx)

    hooks = [layer.register_forward_hook(listen) for layer in model.get_decoder().layers]
    try:
        model(input_ids=text_BT, position_ids=pos_BT.clamp_min(0), use_cache=False, logits_to_keep=1)
    finally:
        for hook in hooks:
            hook.remove()
    where = f"layer {bad[0]}" if bad else "the output head"
    what = f"{where} of {type(model).__name__} gave non-finite numbers"
    return f"{what}: its weights are damaged, or {model.dtype} overflows; try --dtype float32"
