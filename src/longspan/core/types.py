"""The values and protocols every seam speaks.

Axis letters, the same in the whole library: B batch rows, H query heads, G key/value heads, T query tokens of this
call, S stored tokens, D head width, P rotated channel pairs, V vocabulary. A tensor's name ends in its axes: `q_BHTD`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

EMPTY = -1
"""Position of a slot that holds no token (left padding, the short heads of a ragged store)."""

Moment = Literal["chunk", "prompt_end", "token", "rehearsal"]
"""What a call is: a chunk of a prompt, the last chunk of one, a decoded token, or a part of the text that is read again
and then forgotten, which only policies that ask for it are shown."""

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
    start: int = 0
    """Positions below this turn by `start_frequencies_P` instead; 0: none."""
    start_frequencies_P: Tensor | None = None
    sharpen_beyond: int = 0
    """Queries that see more tokens than this are multiplied by ln(tokens) / ln(this), their own token and all those
    before it counted; 0: none."""
    sharpen_from_layer: int = 0
    """The first layer whose queries are; layers with a sliding window, which see no more tokens, never are."""


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
    beyond: int = 0
    """Queries nearer than this do not see a token, which they see as part of another one; 0: no limit."""
    holes: bool = False
    """Some slots are EMPTY."""
    rows: tuple[int, int] | None = None
    """The batch rows (first, end) this part belongs to; None: all."""
    heads: tuple[int, int] | None = None
    """The key/value heads (first, end) this part belongs to; None: all."""
    seen_TS: Tensor | None = None
    """Which slots each query sees of those that its position lets it see; None: all. Parts of few slots only."""

    def __len__(self) -> int:
        return self.k_BGSD.shape[2]


@dataclass(frozen=True, slots=True)
class Band:
    """Positions to rotate by, and the pairs they hold for: each query's keys from `first` to before `end`."""

    q_BGT: Tensor
    """Whole or fractional; may have a last axis of groups, where equal groups of channel pairs are placed each by
    itself. The same of keys.
    """
    k_BGS: Tensor
    first_BGT: Tensor | None = None
    """The least true position of a key, for each query; None: that of the text's first token."""
    end_BGT: Tensor | None = None
    """The least true position of a key that is too late, for each query; None: the one after the query's own."""
    temperature: float = 1.0
    """Multiplies cosine and sine, on top of the rotation's own."""
    blended: bool = False
    """A key between two whole positions is the linear blend of itself at both, and so is its logit."""


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


class PositionMap(Protocol):
    """Which distances the model sees."""

    @property
    def fixed(self) -> bool:
        """Whether a stored token keeps its own position for ever, so that its key is rotated once, when written."""

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Map true positions (EMPTY keys included) to rotary ones; a pair is in one band at most, unseen if in none."""


class Pattern(Protocol):
    """Which stored tokens the queries of a prompt read; decoding is dense."""

    @property
    def looks(self) -> bool:
        """Whether the choice depends on what queries and keys hold.

        They are then as attention meets them: at their true positions, q k / sqrt(D) the logit, no padding among them.
        """

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Choose tiles for T queries that are the last of S stored tokens; None computes everything."""


class Look(Protocol):
    """What a store may see of a call after its attention."""

    @property
    def q_BHTD(self) -> Tensor:
        """Queries, rotated as `layer.rotated` says of keys."""

    @property
    def q_BT(self) -> Tensor:
        """True positions of the queries."""

    @property
    def moment(self) -> Moment:
        """What the call was."""

    def weights(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """Attention weights [B, H, T, S] in float32 over whole parts side by side; ask for few queries."""

    def logits(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """What the softmax of these weights is taken of, minus infinity where a query does not see a token."""


class Watch(Protocol):
    """Anyone who wants to see where decoded tokens look; sees, never changes."""

    def wants(self, layer: Layer) -> bool:
        """Whether to be shown this layer."""

    def see(self, look: Look, parts: Sequence[KV]) -> None:
        """Take note of a decoded token's queries and all that they attended to."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a text is read a second time before tokens of it are given up."""

    chunk: int
    """Tokens at a time."""
    lead: int
    """Tokens before them that are read along."""


class Store(Protocol):
    """The stored tokens of one layer in one session."""

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Disjoint parts that the queries attend to; slots in the order the tokens arrived."""

    def observe(self, look: Look) -> None:
        """Learn from the call: the place to evict, merge or quantise."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget each row's tokens from position `length_B` on; raises NotRewindable when that cannot be exact."""

    def nbytes(self) -> int:
        """Bytes held for this layer on the device that computes."""


@runtime_checkable
class Portable(Protocol):
    """A store whose tokens can leave its session and come back in another one."""

    def state(self) -> dict[str, Tensor]:
        """All that a store needs to go on from here, by name; `k`, `v` and `pos` alone: the slots of a buffer.

        Holds while the session reads on, not once it rolls back.
        """

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over, while empty, what a store of the same settings and layer held."""


class NotRewindable(RuntimeError):
    """The store gave up tokens that rolling back would need."""


class KVPolicy(Protocol):
    """What happens to stored tokens: settings only, state lives in the stores it opens.

    A policy with a true `whole` gives back every token it was given, whatever the query, and can so hold the tokens
    that another one keeps.
    """

    @property
    def raw_keys(self) -> bool:
        """Whether its stores need keys as projected, before rotation."""

    def open(self, layer: Layer) -> Store:
        """Open an empty store for one layer of one session."""


@runtime_checkable
class Rehearsing(KVPolicy, Protocol):
    """A policy that may have a text read a second time before tokens of it are given up."""

    def rehearsal(self, moment: Moment, length_B: Tensor) -> Rehearsal | None:
        """How texts that have grown so long are read again before the last token of a call; None: they are not."""

    def rehearsed(self, stores: Sequence[Any], length_B: Tensor) -> None:
        """All texts were read again in the stores of every layer; their last tokens come next, up to `length_B`."""


class Glance(Protocol):
    """A prompt as a model's first layers see it."""

    @property
    def layers(self) -> int:
        """Layers of the whole model."""

    def logits(self, layer: int) -> Tensor:
        """Logits [H, S] of the last token's queries over all tokens, in a layer; no layer behind it runs."""


class Prune(Protocol):
    """Which tokens of a prompt the model reads."""

    def choose(self, prompt: Sequence[int], glance: Glance) -> Sequence[int]:
        """Return indices in text order; the others are never stored, and those read stand side by side."""


@runtime_checkable
class Progressive(Prune, Protocol):
    """A choice that is made again and again on the way through the layers, anew for every token of the reply."""

    def shares(self, depth: int) -> Mapping[int, float]:
        """Of a model of `depth` layers, those behind which tokens are left out, and the share that goes on."""

    def score(self, weights_HS: Tensor) -> Tensor:
        """How much each of S tokens matters [S], from the last token's attention weights in such a layer."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Tokens guessed to come next."""

    tokens: list[int]
    probs_TV: Tensor | None = None
    """The distribution that each was drawn from; None: each was certain."""
    parents: tuple[int, ...] = ()
    """Of a tree of guesses, which token each follows, an earlier one or -1: the text. Empty: each follows the last."""


class Chooser(Protocol):
    """How the tokens of a reply are chosen."""

    def choose(self, logits_V: Tensor, text: Sequence[int]) -> tuple[int, Tensor]:
        """From the logits after a text to the next token, and the distribution [V] it was drawn from."""

    def check(self, guess: Proposal, logits_TV: Tensor, text: Sequence[int]) -> Proposal:
        """The guesses that hold and one token more, distributed as the logits after the text and each guess say."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a draft may share of a model: what comes before its layers, after them, and its last layer's tokens."""

    embed: Callable[[Tensor], Tensor]
    """From tokens [B, T] to what the first layer reads, [B, T, C]."""
    head: Callable[[Tensor], Tensor]
    """From what the head reads, [B, T, C], to logits [B, T, V] in float32."""
    attend: Callable[[Tensor, Tensor], Tensor]
    """From queries [B, H, T, D], rotated as the layer's keys are, at positions [B, T] behind all that is stored to the
    last layer's attention [B, H, T, D]."""
    layer: Layer
    """The last layer."""
    read: int
    """Tokens that the model has read."""


class Reader(Protocol):
    """The session that a draft guesses for."""

    def ends(self) -> Ends:
        """Lend both ends of the model, as long as nothing more is read."""

    def fork(self, *, kv: KVPolicy, again: int = 1) -> Sibling:
        """Open another session on what this one holds, with stores of its own; `again`: its last tokens read anew."""

    def apart(self, tokens: Sequence[int]) -> Sibling:
        """Open another session of the same model and method that has read these tokens alone."""


class Sibling(Protocol):
    """A session that a draft reads with."""

    def decode(self, tokens_BT: Tensor) -> Tensor:
        """Append tokens: logits [1, T, V]."""

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens."""

    def nbytes(self) -> int:
        """Bytes of stored tokens on the computing device."""

    def close(self) -> None:
        """Give back what the session holds."""


class Draft(Protocol):
    """Guesses for one reply."""

    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Guess at most `room` tokens, one or more, that follow the text, of which the session read all but the last.

        Later texts share their beginning with the first: what came after it may have been taken back.
        """

    def nbytes(self) -> int:
        """Bytes of stored tokens held on the computing device."""

    def close(self) -> None:
        """Give back what the draft holds."""


class Drafter(Protocol):
    """Who guesses the next tokens: settings only, state lives in the drafts it opens."""

    def open(self, reader: Reader) -> Draft | None:
        """Open a draft for one reply; None: nothing is guessed."""
