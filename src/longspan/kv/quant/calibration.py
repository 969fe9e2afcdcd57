"""What KVQuant needs to know of a model's keys and values beforehand, in a file.

A `Tap` as the method's `kv` collects them while sessions read texts. Then
`calibrate(KVQuant(bits=3).coding, tap.tokens(sinks=1), path)` writes the file for `KVQuant(bits=3, calibration=path)`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, Layer
from longspan.kv.full import FullStore
from longspan.kv.quant.codebook import Codebook
from longspan.kv.quant.coded import Coding, Fit

FORMAT = "longspan-kvquant-1"
NAMES = ("key_edges", "key_levels", "key_low", "key_high", "value_edges", "value_levels")
"""What the file holds of each layer, behind the layer's number and a dot."""

Pair = tuple[Tensor, Tensor]
"""Something for each number of a layer's keys, and of its values: [S, G, D]."""


class Tap:
    """Takes the place of a key/value policy to keep every layer's keys, as projected, and values."""

    raw_keys = True

    def __init__(self) -> None:
        self._stores: dict[int, list[FullStore]] = {}

    def open(self, layer: Layer) -> FullStore:
        """Open a store that keeps everything."""
        stores = self._stores.setdefault(layer.index, [])
        stores.append(FullStore())
        return stores[-1]

    def tokens(self, *, sinks: int = 0) -> dict[int, Pair]:
        """Each layer's keys and values of all texts so far, without padding and the first `sinks` tokens of each."""
        return {index: _joined(stores, sinks) for index, stores in self._stores.items()}


def calibrate(
    coding: Coding, tokens: Mapping[int, Pair], path: str | Path, *, weights: Mapping[int, Pair] | None = None
) -> None:
    """Fit ranges and codebooks to each layer's keys and values [S, G, D] and write them to a safetensors file.

    `coding` is that of the policy the file is for; `weights` say how much an error in each number matters, as the
    squared gradient of the loss does (Fisher). Raises InputError for a layer without tokens.
    """
    held: dict[str, Tensor] = {}
    for index, (k_SGD, v_SGD) in tokens.items():
        if not len(k_SGD):
            raise InputError(f"there are no tokens of layer {index} to calibrate with: read a longer text")
        k_weights, v_weights = (None, None) if weights is None else (x.flatten(1) for x in weights[index])
        keys = coding.fit_keys(k_SGD.flatten(1), k_weights)
        values = coding.fit_values(v_SGD.flatten(1), v_weights)
        found = (*keys.book, keys.low_W, keys.high_W, *values.book)
        held |= {f"{index}.{name}": x.cpu().contiguous() for name, x in zip(NAMES, found, strict=True)}
    beside = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
    save_file(held, beside, _stamp(coding))
    beside.replace(path)


def load(coding: Coding, layer: Layer, path: str) -> tuple[Fit, Fit]:
    """Read what was fitted to a layer; raises InputError where the file is not for this model and policy."""
    try:
        with safe_open(path, "pt", device=str(layer.device)) as file:
            _check(file.metadata() or {}, coding, path)
            if f"{layer.index}.{NAMES[0]}" not in set(file.keys()):
                raise InputError(f"{path} says nothing about layer {layer.index}: calibrate with this model")
            found = [file.get_tensor(f"{layer.index}.{name}") for name in NAMES]
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read as a calibration ({error}): write one with calibrate") from error
    key_edges, key_levels, low_W, high_W, value_edges, value_levels = found
    width = layer.num_kv_heads * layer.head_dim
    if low_W.numel() != width:
        raise InputError(
            f"{path} is for {low_W.numel()} channels of a layer and this model has {width}: calibrate with this model"
        )
    none = low_W.new_empty(0)
    return Fit(Codebook(key_edges, key_levels), low_W, high_W), Fit(Codebook(value_edges, value_levels), none, none)


def _joined(stores: list[FullStore], sinks: int) -> Pair:
    keys, values = [], []
    for part in (part for store in stores for part in store.read(torch.empty(0), torch.empty(0))):
        kept_BS = (part.pos_BGS[:, 0] != EMPTY) & (part.pos_BGS[:, 0] >= sinks)
        keys.append(part.k_BGSD.transpose(1, 2)[kept_BS])
        values.append(part.v_BGSD.transpose(1, 2)[kept_BS])
    return torch.cat(keys), torch.cat(values)


def _stamp(coding: Coding) -> dict[str, str]:
    return {
        "format": FORMAT,
        "bits": str(coding.bits),
        "outliers": f"{coding.outliers:g}",
        "normalize": str(coding.normalize).lower(),
    }


def _check(stamp: dict[str, str], coding: Coding, path: str) -> None:
    for name, wanted in _stamp(coding).items():
        if stamp.get(name) != wanted:
            raise InputError(
                f"{path} has {name}={stamp.get(name, 'nothing')} where {name}={wanted} is asked for: "
                "calibrate again, or ask for what it has"
            )
