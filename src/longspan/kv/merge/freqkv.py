"""The low frequencies of older tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look
from longspan.kv.buffer import Buffer
from longspan.kv.rows import WholeRow, WholeRows, gone
from longspan.kv.state import State, number


@dataclass(frozen=True, slots=True)
class FreqKV:
    """FreqKV: whenever the store is full, keep the low frequencies of keys and values over tokens. https://arxiv.org/abs/2505.00570
    Differs from the paper: no fine-tuning, without which its models lose quality; positions are a seam of their own,
    the published method adds positions=cache_relative, chunks=true and prompts read in chunks that fit the store.
    """

    window: int = 4096
    """Tokens stored at most; a longer text is squeezed (N)."""
    sinks: int = 4
    """First tokens of the text that are never squeezed (S)."""
    retained: float = 0.5
    """Share of the slots, and of the frequencies, that is left after squeezing (gamma)."""
    chunks: bool = False
    """Squeeze after every chunk of a prompt too, not only at its end: memory stays bounded while it is read."""

    raw_keys = True

    def __post_init__(self) -> None:
        if self.sinks < 0 or self.window <= self.sinks:
            raise InputError(f"window is {self.window} and sinks {self.sinks} tokens; give 0 <= sinks < window")
        if not 0 < self.retained < 1 or self.squeezed < 1:
            raise InputError(
                f"retained is {self.retained}: give a share between 0 and 1 that leaves something of "
                f"{self.window - self.sinks} tokens, such as 0.5"
            )

    @property
    def squeezed(self) -> int:
        """Slots that a full store's tokens are squeezed into, the first ones aside."""
        return int((self.window - self.sinks) * self.retained)

    def open(self, layer: Layer) -> WholeRows:
        """Open an empty store."""
        return WholeRows(lambda: _Memory(self))


class _Memory(WholeRow):
    """The tokens of one row: the first ones, slots that stand for several tokens each, later ones as they are."""

    def __init__(self, policy: FreqKV) -> None:
        self._policy = policy
        self._buffer = Buffer()
        self._exact = self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = pos_1T.shape[1]

    def parts(self) -> Iterable[KV]:
        if self._buffer.length:
            yield KV(*self._buffer.tail(self._buffer.length), new=min(self._new, self._buffer.length))

    def observe(self, look: Look) -> None:
        if look.moment != "chunk" or self._policy.chunks:
            self._squeeze()

    def _squeeze(self) -> None:
        """Squeeze as often as the store would have been full had the tokens come one by one."""
        window, length = self._policy.window, self._buffer.length
        if length < window:
            return
        everything = self._buffer.slots(0, length)
        squeezed, taken = self._squeezed(self._buffer.slots(0, window)), window
        while (more := window - squeezed[2].shape[1]) <= length - taken:
            squeezed = self._squeezed(_side_by_side(squeezed, _cut(everything, taken, taken + more)))
            taken += more
        self._exact = int(everything[2][0, taken - 1]) + 1
        self._buffer = Buffer(window)
        self._buffer.append(*_side_by_side(squeezed, _cut(everything, taken, length)))

    def _squeezed(self, full: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """A full store squeezed; each slot takes the position of the last token of its share."""
        sinks, count = self._policy.sinks, self._policy.squeezed
        k, v, pos = _cut(full, sinks, self._policy.window)
        last = (torch.arange(1, count + 1, device=pos.device) * pos.shape[1]) // count - 1
        return _side_by_side(_cut(full, 0, sinks), (low_pass(k, count), low_pass(v, count), pos[:, last]))

    def check(self, length: int) -> None:
        if length < self._exact:
            raise gone(length)

    def truncate(self, length_1: Tensor) -> None:
        self._buffer.truncate(length_1)

    def nbytes(self) -> int:
        return self._buffer.nbytes()

    def state(self) -> dict[str, Tensor]:
        return {"exact": number(self._exact), **self._buffer.state()}

    def load(self, state: State) -> None:
        self._exact = int(state["exact"])
        self._buffer.load(state)


def low_pass(x_BGSD: Tensor, count: int) -> Tensor:
    """Squeeze S tokens into `count`: the lowest frequencies of each channel, played faster at the same height."""
    x = x_BGSD.float().transpose(-1, -2)
    low = _cosines(x)[..., :count] * math.sqrt(count / x.shape[-1])
    return _from_cosines(low).transpose(-1, -2).to(x_BGSD.dtype)


def _cosines(x: Tensor) -> Tensor:
    """Orthonormal discrete cosine transform (II) of the last axis, by one Fourier transform of the same length."""
    count = x.shape[-1]
    folded = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], -1)
    turned: Tensor = torch.fft.fft(folded) * _turns(count, x.device).conj()
    return turned.real * _weights(count, x.device)


def _from_cosines(x: Tensor) -> Tensor:
    """The inverse."""
    count = x.shape[-1]
    plain = x / _weights(count, x.device)
    mirrored = torch.cat([torch.zeros_like(plain[..., :1]), plain[..., 1:].flip(-1)], -1)
    folded = torch.fft.ifft(torch.complex(plain, -mirrored) * _turns(count, x.device)).real
    half = count - count // 2
    out = torch.empty_like(x)
    out[..., ::2], out[..., 1::2] = folded[..., :half], folded[..., half:].flip(-1)
    return out


def _turns(count: int, device: torch.device) -> Tensor:
    angle = torch.arange(count, device=device) * (math.pi / (2 * count))
    return torch.polar(torch.ones_like(angle), angle)


def _weights(count: int, device: torch.device) -> Tensor:
    weights = torch.full((count,), math.sqrt(2 / count), device=device)
    weights[0] = math.sqrt(1 / count)
    return weights


def _cut(stored: tuple[Tensor, Tensor, Tensor], start: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
    k, v, pos = stored
    return k[:, :, start:end], v[:, :, start:end], pos[:, start:end]


def _side_by_side(
    first: tuple[Tensor, Tensor, Tensor], then: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.cat([first[0], then[0]], 2), torch.cat([first[1], then[1]], 2), torch.cat([first[2], then[2]], 1)
