"""The sizes of a model that its cost depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longspan.core.errors import InputError
from longspan.kv.buffer import FIRST, capacity, grown
from longspan.kv.window import SLACK, SPARE
from longspan.models.half import sizes
from longspan.models.precision import PRECISIONS, Precision
from longspan.models.shelf import parameters, windows

if TYPE_CHECKING:
    from longspan.models.model import Model

CHUNK = 2048
"""Prompt tokens of a forward pass, as `Session.prefill` takes them."""
POSITION = 8
"""Bytes of a stored token's position."""
HELD = {2: 1, 4: 3}
"""By bytes per value: times the activations in use that are held, with freed ones the C library keeps; measured."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder's sizes."""

    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    intermediate: int
    vocab: int
    weight_bytes: int
    bytes_per_weight: int
    """Of a weight that tokens are multiplied with."""
    bytes_per_value: int
    """Of a stored key or value, and of an activation."""
    window: int
    """Tokens the model was trained to read."""
    sliding_window: int = 0
    """Tokens that sliding layers see; 0 where there are none."""
    sliding_layers: int = 0

    @classmethod
    def of(cls, model: Model) -> Shape:
        """Read a loaded model."""
        config = model.network.get_decoder().config.to_dict()
        return cls._of(config, sizes(model.network)[1], PRECISIONS[model.dtype])

    @classmethod
    def read(cls, folder: Path, precision: Precision) -> Shape:
        """Read a model's folder without loading it; InputError where its sizes cannot be read."""
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
            config = config.get("text_config", config)
            weights = sum(parameters(file) for file in folder.glob("*.safetensors"))
            return cls._of(config, precision.weight_bytes(weights, config), precision)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot read the sizes of the model in {folder}: {error}") from error

    @classmethod
    def _of(cls, config: Mapping[str, Any], weight_bytes: int, precision: Precision) -> Shape:
        looks = windows(dict(config))
        sliding = [look for look in looks if look]
        heads = config["num_attention_heads"]
        return cls(
            layers=config["num_hidden_layers"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=config.get("head_dim") or config["hidden_size"] // heads,
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            vocab=config["vocab_size"],
            weight_bytes=weight_bytes,
            bytes_per_weight=precision.weight,
            bytes_per_value=precision.dtype.itemsize,
            window=config["max_position_embeddings"],
            sliding_window=max(sliding, default=0),
            sliding_layers=len(sliding),
        )

    @property
    def plain_weight_bytes(self) -> int:
        """Bytes of the weights, at most, with as many bits as are computed in."""
        return self.weight_bytes * self.bytes_per_value // self.bytes_per_weight

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's key, value and position in one layer."""
        return 2 * self.kv_heads * self.head_dim * self.bytes_per_value + POSITION

    @property
    def full_layers(self) -> int:
        """Layers whose attention grows with the text."""
        return self.layers - self.sliding_layers

    def kv_bytes(self, tokens: int, chunk: int = 0) -> int:
        """Bytes that a session holds for a request of so many tokens; sliding layers hold a window with its slack.

        Room for all is made at once, or where tokens come in chunks and nobody knows how many, buffers grow by half.
        """
        slots = self.full_layers * (capacity(tokens, chunk) if chunk else max(FIRST, tokens))
        if self.sliding_layers:
            slots += self.sliding_layers * window_capacity(tokens, self.sliding_window)
        return slots * self.token_bytes

    def work_bytes(self, chunk: int) -> int:
        """Bytes of activations while a chunk of a prompt is read: the widest layer, in and out, and attention's own."""
        per_token = 6 * self.hidden + 3 * self.intermediate + 4 * self.heads * self.head_dim
        return HELD[self.bytes_per_value] * chunk * per_token * self.bytes_per_value + 8 * self.vocab


def window_capacity(tokens: int, window: int) -> int:
    """Slots that a sliding layer has allocated once `tokens` have arrived in chunks: it trims late, between chunks."""
    most = window + 2 * (SLACK + CHUNK)  # by then it has trimmed once and filled up again: it is as large as it gets
    slots = length = 0
    for start in range(0, min(tokens, most), CHUNK):
        if length - (window - 1) > SLACK:
            length = window - 1 + SPARE
        length += min(CHUNK, tokens - start)
        slots = slots if length <= slots else grown(slots, length)
    return slots
