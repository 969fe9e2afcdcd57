"""The models that are here, described from their configuration and the headers of their weights alone."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.core.home import home
from longspan.models.disk import occupied
from longspan.models.record import read_record

HEADER_LIMIT = 100_000_000
"""Bytes; the safetensors format allows no longer header."""
BYTES = 2
"""Of one stored number: keys and values are kept in bfloat16."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model that is on this machine."""

    name: str
    path: Path
    window: int
    """Tokens, prompt and answer together; 0 when its configuration does not say."""
    parameters: int
    nbytes: int
    """Bytes on the disk."""
    kv_bytes_per_1k: int
    """Bytes of 1,024 stored tokens in bfloat16, sliding layers to their window; 0 for a model that stores none."""
    licence: str


def shelf() -> list[Shelved]:
    """Return the models in the cache folder, by name."""
    folder = home() / "models"
    if not folder.is_dir():
        return []
    places = sorted(place for place in folder.iterdir() if not place.name.startswith("."))
    return [describe(place) for place in places if (place / "config.json").is_file()]


def describe(place: Path) -> Shelved:
    """Return what a model folder holds; raise InputError when its configuration or weights cannot be read."""
    try:
        config = json.loads((place / "config.json").read_text("utf-8"))
        config = config.get("text_config", config)
        record = read_record(place)
        return Shelved(
            name=record.name,
            path=place,
            window=int(config.get("max_position_embeddings", 0)),
            parameters=sum(parameters(file) for file in place.glob("*.safetensors")),
            nbytes=occupied(place),
            kv_bytes_per_1k=kv_bytes(config, tokens=1024),
            licence=record.licence,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place} holds a damaged model ({error}): delete the folder and pull it again") from error


def parameters(file: Path) -> int:
    """Return how many weights a safetensors file holds, from its header; saved positions (int64) are none."""
    return sum(math.prod(tensor["shape"]) for tensor in _header(file).values() if tensor["dtype"] != "I64")


def formats(file: Path) -> set[str]:
    """Return the formats of the matrices in a safetensors file, as its header names them: F32, BF16, F16 and others."""
    return {tensor["dtype"] for tensor in _header(file).values() if len(tensor["shape"]) > 1}


def _header(file: Path) -> dict[str, Any]:
    with file.open("rb") as weights:
        size = int.from_bytes(weights.read(8), "little")
        if size > HEADER_LIMIT:
            raise ValueError(f"{file.name} says its header has {size:,} bytes")
        header: dict[str, Any] = json.loads(weights.read(size))
    header.pop("__metadata__", None)
    return header


def kv_bytes(config: dict[str, Any], *, tokens: int) -> int:
    """Return the bytes of keys and values of so many stored tokens: two numbers per layer, head and dimension."""
    if not any("CausalLM" in name for name in config.get("architectures") or ()):
        return 0
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    stored = sum(min(tokens, window) if window else tokens for window in windows(config))
    return int(2 * BYTES * stored * kv_heads * head_dim)


def windows(config: dict[str, Any]) -> list[int]:
    """Return how many tokens each layer that stores any may look back, 0 for all of them."""
    sliding = 0 if config.get("use_sliding_window") is False else int(config.get("sliding_window") or 0)
    looks = {"full_attention": 0, "sliding_attention": sliding}
    looks["chunked_attention"] = int(config.get("attention_chunk_size") or 0)
    kinds = config.get("layer_types")
    if kinds:
        return [looks[kind] for kind in kinds if kind in looks]
    pattern = int(config.get("sliding_window_pattern") or 0)
    layers = range(1, int(config["num_hidden_layers"]) + 1)
    return [0 if pattern and layer % pattern == 0 else sliding for layer in layers]
