"""What the processor of this machine does in hardware."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def multiplies_bfloat16() -> bool:
    """Whether matrices in bfloat16 are multiplied in hardware: several times as fast as in float32, else slower."""
    able: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))
