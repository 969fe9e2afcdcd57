"""Reading texts that are longer than an encoder was trained on; the encoder is as it was afterwards."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from longspan.core.errors import InputError
from longspan.core.mutual import mutual
from longspan.core.types import EMPTY
from longspan.models import takeover
from longspan.models.encoding import Encoding
from longspan.models.rotary import SHARED, layer_types, read_rope


class Between(nn.Module):
    """A table of positions that also has what lies between two rows."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table = table

    def forward(self, place_BT: Tensor) -> Tensor:
        """Rows [B, T, C] at places, blended linearly from those below and above."""
        below = place_BT.floor()
        share = (place_BT - below)[..., None].to(self.table.weight.dtype)
        return torch.lerp(self.table(below.long()), self.table(place_BT.ceil().long()), share)


class Mutual:
    """What a taken-over rotary encoder asks while it reads."""

    def __init__(self, model: Any, encoding: Encoding, pos_BT: Tensor) -> None:
        rope = read_rope(model, SHARED, length := encoding.embed.reach(window_of(model)))
        self._rotation = encoding.rope(rope, length)
        self._positions = encoding.positions
        self._pos_BT = pos_BT
        if self._rotation.sharpen_beyond:
            raise InputError(
                "this rope= method scales queries by the tokens before them, but encoders have no order: take ntk_aware"
            )

    def angles(self, layer_type: str) -> None:
        """Leave queries and keys as projected."""

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Turn and attend: output [B, H, T, D]."""
        return mutual(query, key, value, self._pos_BT, rotation=self._rotation, positions=self._positions, scale=scale)


def table_of(model: Any) -> nn.Embedding | None:
    """An encoder's learned table of positions; None without one."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    return table if isinstance(table, nn.Embedding) else None


def window_of(model: Any) -> int:
    """Tokens that an encoder was trained to read at once: the rows of its table, those for padding left out."""
    table = table_of(model)
    return int(model.config.max_position_embeddings) if table is None else table.num_embeddings - _offset(table)


def check(model: Any, encoding: Encoding) -> None:
    """Raise InputError where an encoder cannot read in this way."""
    name, window = type(model).__name__, window_of(model)
    if table_of(model) is not None:
        encoding.check_table(name, window)
    elif hasattr(model, "rotary_emb"):
        encoding.check_rotary(name, window)
        if encoding.turns:
            takeover.check(model)
            _check_alike(model)
    elif encoding != Encoding(embed=encoding.embed) or encoding.embed.reach(window) > window:
        raise InputError(f"{name} has neither a table of positions nor rotary ones: read windows of at most {window:,}")


def read(model: Any, encoding: Encoding, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Last states [B, T, C] of texts longer than the trained window, padded on the right."""
    table = table_of(model)
    if table is not None:
        return _by_table(model, table, encoding, ids_BT, mask_BT)
    pos_BT = torch.where(mask_BT > 0, torch.arange(ids_BT.shape[1], device=ids_BT.device), EMPTY)
    takeover.acquire(model)
    try:
        with takeover.running(Mutual(model, encoding, pos_BT)):
            states: Tensor = model(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
    finally:
        takeover.release(model)
    return states


def _by_table(model: Any, table: nn.Embedding, encoding: Encoding, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    rows, place_BT = window_of(model), torch.zeros(ids_BT.shape, device=ids_BT.device)
    for row, length in enumerate(mask_BT.sum(1).tolist()):
        place_BT[row, :length] = encoding.embed.places(length, rows).to(place_BT)
    # The model would look the kinds of tokens up by whole positions.
    kinds = "token_type_ids" in inspect.signature(model.forward).parameters
    given = {"token_type_ids": torch.zeros_like(ids_BT)} if kinds else {}
    with _between_rows(model.embeddings, table):
        states: Tensor = model(
            input_ids=ids_BT, attention_mask=mask_BT, position_ids=place_BT + _offset(table), **given
        ).last_hidden_state
    return states


@contextmanager
def _between_rows(embeddings: Any, table: nn.Embedding) -> Iterator[None]:
    embeddings.position_embeddings = Between(table)
    try:
        yield
    finally:
        embeddings.position_embeddings = table


def _offset(table: nn.Embedding) -> int:
    """Rows before the first token's: RoBERTa's kind keeps some for padding."""
    return 0 if table.padding_idx is None else table.padding_idx + 1


def _check_alike(model: Any) -> None:
    if layer_types(model) != (SHARED,):
        raise InputError(f"the layers of {type(model).__name__} turn differently: leave rope= and positions= out")
