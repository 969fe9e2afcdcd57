"""What the last token attends to."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from longspan.core.types import KV, Look


@dataclass(frozen=True, slots=True)
class TOVA:
    """TOVA: keep what the last token attends to, all heads of a layer together. https://arxiv.org/abs/2401.06104
    Differs from the paper: the last token itself always stays; use every=1 to drop a token for each that is written.
    """

    window = 1
    always = 1

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Average the attention of the last query over all heads."""
        share_BS = look.weights(look.q_BHTD, look.q_BT, kv).mean((1, 2))[:, None, :-1]
        return F.pad(share_BS.expand(-1, kv.pos_BGS.shape[1], -1), (0, 1), value=float("inf"))
