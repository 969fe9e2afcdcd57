"""Precisions by the name a person types: what a model computes in, and how its weights are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from longspan.core.errors import InputError
from longspan.core.processor import multiplies_bfloat16
from longspan.models.half import multiplies_half, packed_bytes
from longspan.models.shelf import formats

HALVES = {"BF16", "F16"}
"""Formats of stored weights that sixteen bits hold."""


@dataclass(frozen=True, slots=True)
class Precision:
    """What to compute in, and whether the weights of linear layers stay in sixteen bits where that is more."""

    name: str
    dtype: torch.dtype
    halved: bool = False

    @property
    def weight(self) -> int:
        """Bytes of a weight that tokens are multiplied with."""
        return 2 if self.halved else self.dtype.itemsize

    def weight_bytes(self, parameters: int, config: Mapping[str, Any]) -> int:
        """Bytes of a decoder of so many weights, of which an embedding has no fewer bits than is computed in."""
        if not self.halved:
            return parameters * self.dtype.itemsize
        hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
        mixed = heads * (config.get("head_dim") or hidden // heads)
        embedding, deep = config["vocab_size"] * hidden, config["num_hidden_layers"] * hidden
        tied = embedding if config.get("tie_word_embeddings") else 0
        # all that is neither embedding, nor behind attention or a gate, multiplies hidden states
        wide = (parameters - embedding + tied) // hidden - deep // hidden * (mixed + inner)
        packed = packed_bytes(wide, hidden) + packed_bytes(deep, mixed) + packed_bytes(deep, inner)
        return embedding * self.dtype.itemsize + packed


PRECISIONS = {
    each.name: each
    for each in (
        Precision("float32", torch.float32),
        Precision("w16a32", torch.float32, halved=True),
        Precision("bfloat16", torch.bfloat16),
        Precision("float16", torch.float16),
    )
}
"""w16a32: weights of 16 bits, everything else in float32."""


def pick_device() -> torch.device:
    """An accelerator when there is one."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def find_device(name: str) -> torch.device:
    """A device by name, or by rule for `auto`; InputError for one that is not here."""
    if name == "auto":
        return pick_device()
    kind, _, number = name.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    here = [known for known, count in counts.items() if count]
    if (number and not number.isdecimal()) or int(number or 0) >= counts.get(kind, 0):
        raise InputError(f"no device {name!r} here; there are auto, {', '.join(here)}")
    return torch.device(name)


def pick_precision(device: torch.device, folder: Path | None = None) -> Precision:
    """Half precision where the device multiplies it fast, else float32, with the weights of `folder` as they are."""
    if device.type == "cuda":
        return PRECISIONS["bfloat16" if torch.cuda.is_bf16_supported() else "float16"]
    if device.type == "mps":
        return PRECISIONS["float16"]
    if multiplies_bfloat16():
        return PRECISIONS["bfloat16"]
    halved = device.type == "cpu" and multiplies_half() and (folder is None or _is_half(folder))
    return PRECISIONS["w16a32" if halved else "float32"]


def find_precision(name: str, device: torch.device, folder: Path | None = None) -> Precision:
    """A precision by name, or by rule for `auto`; InputError for an unknown one, or one that is not to be had here.

    Without a folder of weights they are made to fit.
    """
    if name == "auto":
        return pick_precision(device, folder)
    if name not in PRECISIONS:
        raise InputError(f"no precision named {name!r}; there are auto, {', '.join(PRECISIONS)}")
    found = PRECISIONS[name]
    if found.halved and not (device.type == "cpu" and multiplies_half()):
        raise InputError(f"{name} needs PyTorch's FBGEMM, which {device} here has not: take --dtype float32")
    if found.halved and folder is not None and not _is_half(folder):
        raise InputError(f"{name} would round the weights in {folder}, which have more bits: take --dtype float32")
    return found


def _is_half(folder: Path) -> bool:
    """Whether all matrices of a model's folder have sixteen bits a number; files that cannot be read have not."""
    try:
        found = {each for file in folder.glob("*.safetensors") for each in formats(file)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(found) and found <= HALVES
