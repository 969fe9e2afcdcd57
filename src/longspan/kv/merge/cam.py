"""What is evicted lives on in the values of what is kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.lots import LOTS, lots


@dataclass(frozen=True, slots=True)
class CaM:
    """CaM: the values of evicted tokens are merged, by chance, into the next ones that stay. https://openreview.net/forum?id=LCTmppB165

    Differs from the paper: the attention compared is that of the last token read, not the mean of all there were;
    several tokens may be evicted at once, each merged by itself.
    """

    into: int = 32
    """Kept tokens behind an evicted one that share its value (m)."""
    seed: int = 0
    """Of the chances."""

    def __post_init__(self) -> None:
        if self.into < 1:
            raise InputError(f"into is {self.into} tokens; give 1 or more")

    def merged(self, kv: KV, keep_BGS: Tensor, look: Look, layer: Layer) -> Tensor:
        """Return all values, those of kept tokens with a share of what is evicted before them.

        A token is merged with a probability of its attention over the mean of those that it is merged into, 1 at most,
        and each of these takes an equal share of its value. What is evicted behind the last of them goes to the last.
        """
        gone_BGS = ~keep_BGS & (kv.pos_BGS != EMPTY)
        paid_BGS = _attention(kv, look)
        last_BG1 = (keep_BGS.sum(-1, keepdim=True) - self.into).clamp_min(0)
        first_BGS = (keep_BGS.cumsum(-1)).minimum(last_BG1)
        end_BGS = (first_BGS + self.into).minimum(keep_BGS.sum(-1, keepdim=True))
        count_BGS = (end_BGS - first_BGS).clamp_min(1)
        until_BGS = _until(paid_BGS * keep_BGS, keep_BGS)
        mean_BGS = (until_BGS.gather(-1, end_BGS) - until_BGS.gather(-1, first_BGS)) / count_BGS
        chance_BGS = (paid_BGS / mean_BGS).nan_to_num(0.0, 1.0).clamp(0, 1) * gone_BGS
        taken_BGS = lots(self.seed, layer, kv.pos_BGS) < chance_BGS * LOTS
        share = kv.v_BGSD.float() * (taken_BGS / count_BGS)[..., None]
        begun = torch.zeros(*keep_BGS.shape[:2], keep_BGS.shape[2] + 1, share.shape[3], device=share.device)
        begun.scatter_add_(2, first_BGS[..., None].expand_as(share), share)
        begun.scatter_add_(2, end_BGS[..., None].expand_as(share), -share)
        rank_BGS = (keep_BGS.cumsum(-1) - 1).clamp_min(0)
        given = begun.cumsum(2).gather(2, rank_BGS[..., None].expand_as(share))
        return torch.where(keep_BGS[..., None], kv.v_BGSD + given, kv.v_BGSD).to(kv.v_BGSD.dtype)


def _attention(kv: KV, look: Look) -> Tensor:
    """The weight [B, G, S] that the last query gives to each token, the mean of a group of heads."""
    weights_BHTS = look.weights(look.q_BHTD[:, :, -1:], look.q_BT[:, -1:], kv)
    return weights_BHTS[:, :, 0].reshape(*kv.pos_BGS.shape[:2], -1, len(kv)).mean(2)


def _until(x_BGS: Tensor, keep_BGS: Tensor) -> Tensor:
    """Sums over the first n kept tokens, for n from 0 to S; [B, G, S + 1]."""
    rank_BGS = (~keep_BGS).byte().argsort(dim=-1, stable=True)
    return torch.nn.functional.pad(x_BGS.gather(-1, rank_BGS).cumsum(-1), (1, 0))
