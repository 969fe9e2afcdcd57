"""What a trained head of each layer holds to be worth keeping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.projected import projected
from longspan.kv.score import ALL, Judge
from longspan.kv.state import State
from longspan.kv.tally import Tally


def retaining_head(path: str, layer: Layer) -> tuple[Tensor, Tensor]:
    """Read the two matrices [hidden, features] and [G, hidden] of a layer; InputError where they do not fit it."""
    names = [f"model.layers.{layer.index}.self_attn.{part}.weight" for part in ("fc1", "fc2")]
    try:
        with safe_open(path, framework="pt") as file:
            if missing := [name for name in names if name not in set(file.keys())]:
                raise InputError(f"{path} has no {missing[0]}: give a file of retaining heads for this model")
            inner, outer = (file.get_tensor(name).to(layer.device, layer.dtype) for name in names)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a file of retaining heads in safetensors format: {error}") from None
    features = (layer.num_heads + 2 * layer.num_kv_heads) * layer.head_dim
    wanted = (inner.shape[0], features), (layer.num_kv_heads, inner.shape[0])
    if (inner.shape, outer.shape) != wanted:
        raise InputError(
            f"{path}: the retaining head of layer {layer.index} is {list(inner.shape)} and {list(outer.shape)}, but "
            f"this model needs {list(wanted[0])} and {list(wanted[1])}: give the file that was trained for it"
        )
    return inner, outer


class _Retained(Judge):
    """The worth of each stored token, said once, when it has been read."""

    def __init__(self, settings: Locret, layer: Layer) -> None:
        self._settings = settings
        self._layer = layer
        self._inner, self._outer = retaining_head(settings.heads, layer)
        self._tally = Tally()

    def learn(self, kv: KV, look: Look) -> None:
        """Note the worth of the tokens that these queries belong to."""
        pos_BGT = look.q_BT[:, None].expand(-1, kv.pos_BGS.shape[1], -1).contiguous()
        index_BGT = torch.searchsorted(kv.pos_BGS.contiguous(), pos_BGT).clamp_max(len(kv) - 1)
        worth_BGT = self._worth(kv, look, index_BGT, pos_BGT)
        padded_BGS = F.pad(self._tally.at(kv.pos_BGS), (0, 1))
        padded_BGS.scatter_(2, index_BGT.masked_fill(pos_BGT == EMPTY, len(kv)), worth_BGT)
        self._tally.put(kv.pos_BGS, padded_BGS[..., :-1])

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score as was said, the last tokens above all."""
        last = self._settings.stabilizers if look.moment == "chunk" else self._settings.local
        past = max(0, len(kv) - last)
        return F.pad(self._tally.at(kv.pos_BGS)[..., :past], (0, len(kv) - past), value=float("inf"))

    def keep(self, pos_BGS: Tensor) -> None:
        """Forget the worth of other tokens."""
        self._tally.keep(pos_BGS)

    def nbytes(self) -> int:
        """Bytes held; the head itself belongs to the model."""
        return self._tally.nbytes()

    def state(self) -> dict[str, Tensor]:
        """The tokens' worth."""
        return self._tally.state()

    def load(self, state: State) -> None:
        """Take it over."""
        self._tally.load(state)

    def _worth(self, kv: KV, look: Look, index_BGT: Tensor, pos_BGT: Tensor) -> Tensor:
        """What the retaining head makes of the queries, keys and values of these tokens as they were projected."""
        wide = index_BGT[..., None].expand(-1, -1, -1, kv.k_BGSD.shape[-1])
        query_BHTD = projected(look.q_BHTD, look.q_BT[:, None], self._layer)
        key_BGTD = projected(kv.k_BGSD.gather(2, wide), pos_BGT, self._layer)
        features_BNTD = torch.cat([query_BHTD, key_BGTD, kv.v_BGSD.gather(2, wide).float()], 1)
        hidden = F.silu(F.linear(features_BNTD.transpose(1, 2).flatten(2).to(self._inner.dtype), self._inner))
        return _rounded(F.linear(hidden, self._outer).transpose(1, 2).float())


def _rounded(x: Tensor) -> Tensor:
    """Drop the last digits: in the first layer a word is worth the same wherever it stands but for rounding."""
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp((mantissa * 4096).round() / 4096, exponent)


@dataclass(frozen=True, slots=True)
class Locret:
    """Locret: keep the tokens that a small trained head of each layer holds to be worth it. https://arxiv.org/abs/2410.01805
    Differs from the paper: keys stay at the positions they came from; the last tokens come out of the budget; queries
    and keys are taken after the norms that some models put behind their projections. The published method adds
    chunks=true and budget=6000, and reads in chunks of 3,072.
    """

    heads: str
    """File of the retaining heads, safetensors: of each layer `model.layers.0.self_attn.fc1.weight` (hidden by query,
    key and value channels) and `fc2.weight` (key/value heads by hidden).
    """
    stabilizers: int = 2500
    """Last tokens that stay while more of the prompt is to come (n_s)."""
    local: int = 100
    """Last tokens that stay at its end (n_loc)."""

    window = ALL

    def __post_init__(self) -> None:
        if not Path(self.heads).is_file():
            raise InputError(f"heads: there is no file {self.heads}; give a safetensors file of retaining heads")
        if self.stabilizers < 0 or self.local < 0:
            raise InputError(f"stabilizers={self.stabilizers} and local={self.local} are tokens; give 0 or more")

    @property
    def always(self) -> int:
        """The stabilizers, or the local tokens where those are more."""
        return max(self.stabilizers, self.local)

    def judge(self, layer: Layer) -> _Retained:
        """Read the layer's head."""
        return _Retained(self, layer)
