"""What a session lends to a draft."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from longspan.core.attend import Page, attend
from longspan.core.types import Ends, Store


def lent(model: Any, store: Store, page: Page, *, read: int) -> Ends:
    """Both ends of a model and its last layer's tokens, of so many that were read."""

    def look(q_BHTD: Tensor, q_BT: Tensor) -> Tensor:
        return attend(page, q_BHTD, q_BT, (replace(part, new=0) for part in store.read(q_BHTD, q_BT)))

    return Ends(
        embed=model.get_input_embeddings(),
        head=lambda x_BTC: model.get_output_embeddings()(x_BTC).float(),
        attend=look,
        layer=page.layer,
        read=read,
    )
