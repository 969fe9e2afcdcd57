"""A prompt's keys at low rank on the device, its values on the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.retrieve.picked import grouped
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under


@dataclass(frozen=True, slots=True)
class ShadowKV:
    """ShadowKV: keys of the prompt at low rank, values in host memory, and chunks of both fetched by landmarks. https://arxiv.org/abs/2410.21465
    Differs from the paper: only tokens that are chosen by landmarks are held at low rank, not the exact ones beside
    them; chunks chosen by the token before are fetched again; a prompt that outliers and budget can hold stays whole.
    As in its released code later turns are read as decoded tokens are and stay exact.
    """

    budget: int = 2048
    """Tokens fetched for a call in each key/value head (sparse budget)."""
    rank: int = 160
    """Numbers that stand for the keys of a token in all heads together."""
    chunk: int = 8
    """Tokens that share a landmark, the mean of their rotated keys (chunk size)."""
    outliers: int = 48
    """Chunks of each head that their landmark describes worst, kept exact and always read."""
    local: int = 4
    """Chunks at the end of the prompt that are kept exact and always read."""
    raw_keys = True

    def __post_init__(self) -> None:
        if min(self.rank, self.chunk) < 1 or min(self.outliers, self.local) < 0:
            raise InputError(
                f"rank={self.rank} and chunk={self.chunk} must be at least 1, "
                f"outliers={self.outliers} and local={self.local} at least 0"
            )
        if self.budget < self.chunk:
            raise InputError(f"budget={self.budget} tokens hold no chunk of {self.chunk}: give at least one chunk")

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Shadowed(self, layer))


@dataclass(frozen=True, slots=True)
class _Shadow:
    """The part of a prompt that is found by landmarks."""

    codes_SR: Tensor
    basis_GRD: Tensor
    landmarks_GND: Tensor
    chunks_GN: Tensor
    """Which chunk each landmark stands for."""
    exact: KV
    values_GSD: Tensor
    """In host memory."""

    def state(self) -> dict[str, Tensor]:
        exact = {"k": self.exact.k_BGSD, "v": self.exact.v_BGSD, "pos": self.exact.pos_BGS}
        keys = {"codes": self.codes_SR, "basis": self.basis_GRD}
        chosen = {"landmarks": self.landmarks_GND, "chunks": self.chunks_GN}
        return {**keys, **chosen, **under("exact", exact), "values": self.values_GSD}

    @classmethod
    def of(cls, state: State) -> _Shadow:
        exact = KV(state["exact.k"], state["exact.v"], state["exact.pos"])
        keys, chosen = (state["codes"], state["basis"]), (state["landmarks"], state["chunks"])
        return cls(*keys, *chosen, exact, _on_host(state["values"]))


class _Shadowed(Row):
    def __init__(self, policy: ShadowKV, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._near = Buffer(max(FIRST, layer.expected))
        self._shadow: _Shadow | None = None
        self._floor = 0
        self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._near.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        if self._shadow is not None:
            if len(self._shadow.exact):
                yield self._shadow.exact
            yield self._fetched(self._shadow, self._chosen(self._shadow, q_1HTD, q_1T))
        yield KV(*self._near.tail(self._near.length), new=self._new)

    def _chosen(self, shadow: _Shadow, q_1HTD: Tensor, q_1T: Tensor) -> Tensor:
        """The slots [G, N] of the chunks with the largest share of attention, of the query head that gives most."""
        size, layer = self._policy.chunk, self._layer
        q_GRTD = grouped(rotate(q_1HTD, q_1T[:, None], layer.rotation), layer.num_kv_heads)
        scores_GRTN = q_GRTD @ shadow.landmarks_GND.float().mT[:, None] * layer.head_dim**-0.5
        share_GN = torch.softmax(scores_GRTN, -1).sum(2).amax(1)
        chunks_GN = shadow.chunks_GN.gather(1, share_GN.topk(self._policy.budget // size).indices).sort().values
        return (chunks_GN[..., None] * size + torch.arange(size, device=chunks_GN.device)).flatten(1)

    def _fetched(self, shadow: _Shadow, index_GN: Tensor) -> KV:
        k_GND = shadow.codes_SR[index_GN] @ shadow.basis_GRD
        at = index_GN.to(shadow.values_GSD.device)
        v_GND = shadow.values_GSD[torch.arange(len(at))[:, None], at].to(k_GND.device)
        return KV(k_GND[None], v_GND[None], index_GN[None])

    def observe(self, look: Look) -> None:
        policy, stored = self._policy, self._near.length
        chunks = stored // policy.chunk - policy.local
        if look.moment != "prompt_end" or self._shadow or chunks <= policy.outliers + policy.budget // policy.chunk:
            return
        cut = chunks * policy.chunk
        k_1GSD, v_1GSD, _ = self._near.slots(0, cut)
        self._shadow, self._floor = self._shadowed(k_1GSD[0], v_1GSD[0]), stored
        left = self._near.slots(cut, stored)
        self._near = Buffer(max(FIRST, self._layer.expected - cut))
        self._near.append(*left)

    def _shadowed(self, k_GSD: Tensor, v_GSD: Tensor) -> _Shadow:
        size, outliers = self._policy.chunk, self._policy.outliers
        pos_1S = torch.arange(k_GSD.shape[1], device=k_GSD.device)[None]
        turned_GSD = rotate(k_GSD[None], pos_1S[:, None], self._layer.rotation)[0]
        turned_GNPD = turned_GSD.reshape(len(k_GSD), -1, size, k_GSD.shape[2]).float()
        mean_GND = turned_GNPD.mean(2)
        fit_GN = F.cosine_similarity(turned_GNPD, mean_GND[:, :, None], dim=-1).amin(-1)
        order_GN = fit_GN.argsort(stable=True)
        rest_GN = order_GN[:, outliers:].sort().values
        exact_GP = (order_GN[:, :outliers].sort().values[..., None] * size + pos_1S[0, :size]).flatten(1)
        head_G1 = torch.arange(len(k_GSD), device=k_GSD.device)[:, None]
        landmarks_GND = mean_GND[head_G1, rest_GN].to(k_GSD.dtype)
        exact = KV(k_GSD[head_G1, exact_GP][None], v_GSD[head_G1, exact_GP][None], exact_GP[None])
        values_GSD = _on_host(v_GSD)
        return _Shadow(*_factors(k_GSD, self._policy.rank), landmarks_GND, rest_GN, exact, values_GSD)

    def check(self, length: int) -> None:
        if length < self._floor:
            raise NotRewindable(
                f"ShadowKV compressed the prompt when {self._floor} tokens had been read: it cannot go back to {length}"
            )

    def truncate(self, length_1: Tensor) -> None:
        self._near.truncate(length_1)

    def nbytes(self) -> int:
        held = self._near.nbytes()
        if (shadow := self._shadow) is not None:
            exact = (shadow.exact.k_BGSD, shadow.exact.v_BGSD, shadow.exact.pos_BGS)
            found = (shadow.codes_SR, shadow.basis_GRD, shadow.landmarks_GND, shadow.chunks_GN)
            held += sum(x.nbytes for x in (*exact, *found))
        return held

    def host_nbytes(self) -> int:
        return self._shadow.values_GSD.nbytes if self._shadow else 0

    def state(self) -> dict[str, Tensor]:
        shadow = {} if self._shadow is None else under("shadow", self._shadow.state())
        return {"floor": number(self._floor), **under("near", self._near.state()), **shadow}

    def load(self, state: State) -> None:
        self._floor = int(state["floor"])
        self._near.load(part_of(state, "near"))
        if shadow := part_of(state, "shadow"):
            self._shadow = _Shadow.of(shadow)


def _on_host(x_GSD: Tensor) -> Tensor:
    """A copy in host memory, pinned where there is an accelerator to copy to."""
    return x_GSD.cpu().pin_memory() if x_GSD.device.type == "cuda" else x_GSD.clone()


def _factors(k_GSD: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Codes [S, R] and basis [G, R, D] whose product is nearest to the keys of all heads side by side.

    The eigenvectors of their Gram matrix are the singular vectors, without a decomposition as long as the text.
    """
    G, S, D = k_GSD.shape
    keys_SC = k_GSD.transpose(0, 1).reshape(S, G * D).float()
    basis_CR = torch.linalg.eigh(keys_SC.mT @ keys_SC).eigenvectors[:, -rank:]
    basis_GRD = basis_CR.reshape(G, D, -1).mT.contiguous()
    return (keys_SC @ basis_CR).to(k_GSD.dtype), basis_GRD.to(k_GSD.dtype)
