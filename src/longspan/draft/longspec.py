"""A draft of constant size that was trained for the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Chooser, Ends, Proposal, Reader
from longspan.draft.follow import shared
from longspan.draft.glide import WINDOW, Glide

SPARE = 64
"""Tokens stored beyond the window, so that trimming is rare."""


@dataclass(frozen=True, slots=True)
class LongSpec:
    """LongSpec: one trained layer guesses from the last tokens and what the model's last layer stores. https://arxiv.org/abs/2502.17421
    Differs from the paper: with sampling, every token is drawn from the model's own distribution and the tree followed
    as long as it holds it, so replies are distributed as without; the released code draws otherwise. The draft stores
    the last tokens only, as the paper's theory has it and the released code does not.
    """

    weights: str
    """The file of the trained layer, safetensors, weights named as published."""
    tree: tuple[int, ...] = (4, 16, 16, 16, 16)
    """Guesses for each of the next tokens, the likeliest sequences of all."""
    tokens: int = 0
    """Tokens guessed in one sequence, drawn as the reply's are, instead of a tree; 0: the tree."""
    window: int = WINDOW
    """Tokens before its own that a guess sees by self-attention; all earlier ones it sees in the model's last layer."""

    def __post_init__(self) -> None:
        if self.tokens < 0 or self.window < 1 or not self.tree or min(self.tree) < 1:
            raise InputError(
                f"LongSpec: tokens={self.tokens} must be at least 0, window={self.window} and every number of "
                f"tree={'|'.join(map(str, self.tree))} at least 1"
            )

    def open(self, reader: Reader) -> Ahead:
        """Open a draft that reads its weights when it is first asked."""
        return Ahead(self, reader)


class Ahead:
    """Decodes a few tokens with one layer; remembers the keys and values of the last tokens."""

    def __init__(self, settings: LongSpec, reader: Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._layer: Glide | None = None
        self._text: list[int] = []
        self._start = 0
        self._own: tuple[Tensor, Tensor] | None = None

    @torch.inference_mode()
    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Guess a tree, or choose token after token as the reply's are chosen."""
        ends = self._reader.ends()
        self._layer = self._layer or self._load(ends)
        offset = ends.read + 1 - len(text)
        if not self._settings.tokens:
            return self._tree(self._layer, ends, list(text), offset, room)
        grown, probs = list(text), []
        for _ in range(min(room, self._settings.tokens)):
            hidden_1TC = self._read(self._layer, ends, grown, offset)
            token, probs_V = chooser.choose(ends.head(hidden_1TC)[0, -1], grown)
            grown.append(token)
            probs.append(probs_V)
        return Proposal(grown[len(text) :], torch.stack(probs))

    def _tree(self, layer: Glide, ends: Ends, text: list[int], offset: int, room: int) -> Proposal:
        """Beam search that keeps all it passed through: the likeliest sequences of each length."""
        widths = self._settings.tree[:room]
        hidden_1TC, score_1 = self._read(layer, ends, text, offset), torch.zeros(1, device=ends.layer.device)
        assert self._own is not None
        k, v = (part[:, :, -self._settings.window - 1 :] for part in self._own)
        near, rotation = k.shape[2], ends.layer.rotation
        tokens, parents = list[int](), list[int]()
        last, seen_WT = [-1], torch.zeros(1, 0, dtype=torch.bool, device=k.device)
        for depth, width in enumerate(widths, 1):
            sums_WV = score_1[:, None] + ends.head(hidden_1TC)[0].log_softmax(-1)
            score_1, index_N = sums_WV.flatten().topk(min(width, sums_WV.numel()))
            from_N, token_N = index_N // sums_WV.shape[1], index_N % sums_WV.shape[1]
            start, count = len(tokens), len(index_N)
            tokens += token_N.tolist()
            parents += [last[at] for at in from_N.tolist()]
            if depth == len(widths):
                break
            last = list(range(start, start + count))
            own = torch.eye(count, dtype=torch.bool, device=k.device)
            seen_WT = torch.cat([seen_WT[from_N], own], 1)
            x_1WC, at_1W = ends.embed(token_N[None]), torch.full_like(token_N, offset + len(text) - 1 + depth)[None]
            new_k, new_v = layer.store(x_1WC, at_1W, rotation=rotation)
            k, v = torch.cat([k, new_k], 2), torch.cat([v, new_v], 2)
            far = max(0, near + depth - self._settings.window - 1)
            near_WS = (torch.arange(near, device=k.device) >= far).expand(count, -1)
            mask_WS = torch.cat([near_WS, seen_WT], 1)

            def look(q_1HWD: Tensor, at_1W: Tensor = at_1W) -> Tensor:
                turned = rotate(q_1HWD, at_1W[:, None], rotation) if ends.layer.rotated else q_1HWD
                return ends.attend(turned, at_1W)

            hidden_1TC = layer(x_1WC, at_1W, rotation=rotation, own=(k, v), mask=mask_WS, look=look)
        return Proposal(tokens, parents=tuple(parents))

    def nbytes(self) -> int:
        """Bytes of the last tokens' keys and values."""
        return sum(x.nbytes for x in self._own) if self._own else 0

    def close(self) -> None:
        """Forget them."""
        self._own, self._layer = None, None
        self._text.clear()

    def _load(self, ends: Ends) -> Glide:
        first_11 = torch.zeros(1, 1, dtype=torch.long, device=ends.layer.device)
        return Glide.load(Path(self._settings.weights), ends.layer, width=ends.embed(first_11).shape[-1])

    def _read(self, layer: Glide, ends: Ends, text: list[int], offset: int) -> Tensor:
        """What the head reads after the last token of a text that begins at position `offset`."""
        first = self._cut(text)
        new_1T = torch.tensor([text[first:]], device=ends.layer.device)
        pos_1T = torch.arange(first, len(text), device=new_1T.device)[None] + offset
        x_1TC, rotation = ends.embed(new_1T), ends.layer.rotation
        k, v = layer.store(x_1TC, pos_1T, rotation=rotation)
        if self._own is not None:
            k, v = torch.cat([self._own[0], k], 2), torch.cat([self._own[1], v], 2)
        seen = self._settings.window + 1
        self._own = (k[:, :, -seen:], v[:, :, -seen:]) if k.shape[2] > seen + SPARE else (k, v)
        at_11 = pos_1T[:, -1:]

        def look(q_1H1D: Tensor) -> Tensor:
            return ends.attend(rotate(q_1H1D, at_11[:, None], rotation) if ends.layer.rotated else q_1H1D, at_11)

        own = k[:, :, -seen:], v[:, :, -seen:]
        hidden_11C: Tensor = layer(x_1TC[:, -1:], at_11, rotation=rotation, own=own, mask=None, look=look)
        return hidden_11C

    def _cut(self, text: list[int]) -> int:
        """Forget what the text has lost, all of it where too little would be left: the first token to read."""
        window = self._settings.window
        same = min(shared(self._text, text, self._start), len(text) - 1)
        if self._own is not None:
            kept = self._own[0].shape[2] - (len(self._text) - same)
            self._own = (self._own[0][:, :, :kept], self._own[1][:, :, :kept]) if kept >= min(same, window) else None
        self._start = self._start or len(text) - 1
        self._text[same:] = text[same:]
        return same if self._own is not None else max(0, len(text) - 1 - window)
