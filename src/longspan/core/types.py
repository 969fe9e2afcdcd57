"""The values and protocols every seam speaks.

Axis letters, the same in the whole library: B batch rows, H query heads, G key/value heads, T query tokens of this
call, S stored tokens, D head width, P rotated channel pairs, V vocabulary. A tensor's name ends in its axes: `q_BHTD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

EMPTY = -1
"""Position of a slot that holds no token (left padding, the short heads of a ragged store)."""

Moment = Literal["chunk", "prompt_end", "token"]
"""What a call is: a chunk of a prompt, the last chunk of one, or a decoded token."""

Layout = Literal["half", "interleaved"]
"""Which channels turn together: (i, i + P) or (2i, 2i + 1)."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A RoPE spectrum ready to use: an angular frequency per channel pair and a factor on cosine and sine."""

    frequencies_P: Tensor
    """Radians per position, float32."""
    temperature: float = 1.0
    """Multiplies cosine and sine, hence logits by its square (YaRN's attention factor)."""
    layout: Layout = "half"


@dataclass(frozen=True, slots=True)
class Rope:
    """A model's rotary embedding as it was trained."""

    dim: int
    """Channels that turn: 2P; fewer than the head width in partially rotary models."""
    base: float
    """The frequency base (theta, b)."""
    window: int
    """Tokens of the trained window (L)."""
    rotation: Rotation
    """The spectrum the model itself uses, any published scaling of its own included."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a method may know of the layer it runs in."""

    index: int
    depth: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    rotation: Rotation
    rotated: bool
    """Stored keys carry their rotation; otherwise they are as projected."""
    device: torch.device
    dtype: torch.dtype
    expected: int = 0
    """Tokens that the request may reach, prompt and reply; 0: unknown."""
    kv_head: int = 0
    """The first of the key/value heads at hand, where a method is shown only some of the layer's."""


@dataclass(frozen=True, slots=True)
class KV:
    """Stored tokens of a layer, or a part of them: attention over several parts is merged by log-sum-exp."""

    k_BGSD: Tensor
    v_BGSD: Tensor
    pos_BGS: Tensor
    """Where in the text each token came from; EMPTY for a slot without one."""
    new: int = 0
    """How many trailing slots are the tokens of this very call, in order; all other slots lie before every query."""
    reach: int = 0
    """Queries this far away or farther do not see a token (sliding window); 0: no limit."""
    holes: bool = False
    """Some slots are EMPTY."""
    rows: tuple[int, int] | None = None
    """The batch rows (first, end) this part belongs to; None: all."""
    heads: tuple[int, int] | None = None
    """The key/value heads (first, end) this part belongs to; None: all."""

    def __len__(self) -> int:
        return self.k_BGSD.shape[2]


@dataclass(frozen=True, slots=True)
class Band:
    """Positions to rotate by, and the pairs they hold for."""

    q_BGT: Tensor
    k_BGS: Tensor
    where: Callable[[Tensor, Tensor], Tensor] | None = None
    """From broadcastable true positions of queries and keys to a mask; None: every pair no later band claims."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A sparse-attention choice: which tiles of queries by stored tokens are computed."""

    keep_BHts: Tensor
    """Boolean, tiles of queries by tiles of stored tokens, both counted from the first stored token, so that chunks of
    a prompt choose what the whole would; B or H is 1 where all rows or heads choose alike. The queries' tiles begin
    with the one the first query lies in. Tokens within a query's own tile of queries are always computed, later ones
    never.
    """
    size: int
    """Stored tokens of a tile."""
    queries: int = 0
    """Queries of a tile; 0: as many as stored tokens."""


class Spectrum(Protocol):
    """Which frequencies to use for a request of `length` tokens (prompt and reply)."""

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return frequencies and temperature; a request within `rope.window` may stay as trained."""
        ...


class PositionMap(Protocol):
    """Which distances the model sees."""

    @property
    def fixed(self) -> bool:
        """Whether a stored token keeps its own position for ever, so that its key is rotated once, when written."""
        ...

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Map true positions (EMPTY keys included) to rotary ones; a later band overrides where its mask holds."""
        ...


class Pattern(Protocol):
    """Which stored tokens the queries of a prompt read; decoding is dense."""

    @property
    def looks(self) -> bool:
        """Whether the choice depends on what queries and keys hold.

        They are then as attention meets them: at their true positions, q k / sqrt(D) the logit, no padding among them.
        """
        ...

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Choose tiles for T queries that are the last of S stored tokens; None computes everything."""
        ...


class Look(Protocol):
    """What a store may see of a call after its attention."""

    @property
    def q_BHTD(self) -> Tensor:
        """Queries, rotated as `layer.rotated` says of keys."""
        ...

    @property
    def q_BT(self) -> Tensor:
        """True positions of the queries."""
        ...

    @property
    def moment(self) -> Moment:
        """What the call was."""
        ...

    def weights(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """Attention weights [B, H, T, S] in float32 over whole parts side by side; ask for few queries."""
        ...


class Watch(Protocol):
    """Anyone who wants to see where decoded tokens look; sees, never changes."""

    def wants(self, layer: Layer) -> bool:
        """Whether to be shown this layer."""
        ...

    def see(self, look: Look, parts: Sequence[KV]) -> None:
        """Take note of a decoded token's queries and all that they attended to."""
        ...


class Store(Protocol):
    """The stored tokens of one layer in one session."""

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""
        ...

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Disjoint parts that the queries attend to; slots in the order the tokens arrived."""
        ...

    def observe(self, look: Look) -> None:
        """Learn from the call: the place to evict, merge or quantise."""
        ...

    def truncate(self, length_B: Tensor) -> None:
        """Forget each row's tokens from position `length_B` on; raises NotRewindable when that cannot be exact."""
        ...

    def nbytes(self) -> int:
        """Bytes held for this layer on the device that computes."""
        ...


class NotRewindable(RuntimeError):
    """The store gave up tokens that rolling back would need."""


class KVPolicy(Protocol):
    """What happens to stored tokens: settings only, state lives in the stores it opens."""

    @property
    def raw_keys(self) -> bool:
        """Whether its stores need keys as projected, before rotation."""
        ...

    def open(self, layer: Layer) -> Store:
        """Open an empty store for one layer of one session."""
        ...
