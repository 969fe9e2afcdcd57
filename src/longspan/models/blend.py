"""A prompt put together from passages that were read apart: most of their tokens are not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from longspan.core.attend import Page, Seen, attend
from longspan.core.errors import InputError
from longspan.core.rotate import rotate, sharpen
from longspan.core.types import KV, Layer, Rotation, Store
from longspan.kv.reuse.blend import CacheBlend, deviations, most
from longspan.kv.reuse.snapshot import Snapshot
from longspan.models import takeover
from longspan.models.method import Method
from longspan.models.rotary import RUNNING
from longspan.prune.plain import Plain

Piece = Snapshot | Sequence[int]
"""A passage that was read before, or tokens that were not."""
Open = Callable[[Any, Tensor, Tensor, float, int], tuple[Store, Page]]
"""From an attention module, its queries and keys, scale and window to its store and the way it attends."""
Angles = Callable[[str], tuple[Tensor, Tensor] | None]
"""A layer type's cosine and sine of the whole prompt."""

BLOCK = 128
"""Scattered tokens that attend at once, to all that is stored before the last of them: fewer waste less."""


class Projected(Exception):
    """Ends a layer once its keys and values are known; its attention and what comes behind it do not run."""


class Blending:
    """One run of the model over a prompt, in which later layers see fewer and fewer of its tokens.

    `first` is the position of the prompt's first token. A passage that is read from position 0 again stays as it is.
    """

    def __init__(self, model: Any, pieces: Sequence[Piece], choice: CacheBlend, *, first: int) -> None:
        self._model, self._choice = model, choice
        self._layers = model.get_decoder().layers
        before = None if first else _beginning(pieces)
        self._before, self._pieces = before, pieces[1:] if before else pieces
        first += len(before) if before else 0
        device = model.device
        rows = [p.text_BT if isinstance(p, Snapshot) else torch.tensor([list(p)]) for p in self._pieces]
        self._text_BT = torch.cat([row.to(device) for row in rows], 1)
        total = self._text_BT.shape[1]
        self.pos_BT = torch.arange(first, first + total, device=device)[None]
        """Positions of the tokens behind such a passage."""
        own = [torch.full((len(p),), not isinstance(p, Snapshot)) for p in self._pieces]
        self._own_T = torch.cat(own).to(device)
        """Those that are stored nowhere."""
        self._stored = int((~self._own_T).sum())
        self._now_T = torch.arange(total, device=device)
        """Tokens that the running layer reads."""
        self._deviation_T: Tensor | None = None
        """How far these were from what was stored of them in the layer before, or in this one where it was asked."""
        self._projected: tuple[Tensor, Tensor] | None = None
        self._asking = False
        self._begun: set[int] = set()
        """Layers whose store holds the passage that stays as it is."""

    @property
    def read(self) -> list[tuple[Tensor, Tensor]]:
        """Tokens and positions of all that was read."""
        device, before = self.pos_BT.device, self._before
        begun = [(before.text_BT.to(device), before.pos_BT.to(device))] if before else []
        return [*begun, (self._text_BT, self.pos_BT)]

    def run(self, open_layer: Open, angles: Angles) -> Tensor:
        """Logits [1, 1, V] in float32 behind the last token."""
        self._open, self.angles = open_layer, angles
        hooks = [layer.register_forward_pre_hook(self._cut, with_kwargs=True) for layer in self._layers]
        try:
            with takeover.running(self):
                logits_BTV: Tensor = self._model(
                    input_ids=self._text_BT, position_ids=self.pos_BT, use_cache=False, logits_to_keep=1
                ).logits.float()
        finally:
            for hook in hooks:
                hook.remove()
        if not bool(torch.isfinite(logits_BTV.sum())):
            raise InputError(f"{type(self._model).__name__} gave non-finite numbers: read the text whole to see where")
        return logits_BTV

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Store the new keys and values among those that stay, and let the tokens that run attend to all of them."""
        if window:
            raise InputError(
                f"{type(module).__name__} has a sliding window of {window} tokens, and keeps nothing of a passage "
                "beyond it to be blended: read the text whole"
            )
        store, page = self._open(module, query, key, scale, window)
        if self._before and page.layer.index not in self._begun:
            state = _state(self._before, page.layer)
            store.append(state["k"], state["v"], state["pos"])
            self._begun.add(page.layer.index)
        if self._asking:
            self._projected = key, value
            self._deviation_T = deviations(key, value, *self._of_pieces(page.layer, key))
            raise Projected
        whole = len(self._now_T) == len(self._own_T)
        key, value = (key, value) if whole else self._among_stored(page.layer, key, value)
        q_BT = self.pos_BT[:, self._now_T]
        query = sharpen(query, q_BT, page.layer)
        store.append(key, value, self.pos_BT)
        parts = store.read(query, q_BT)
        out = attend(page, query, q_BT, parts) if whole else _scattered(page, query, q_BT, parts)
        store.observe(Seen(page, query, q_BT, "prompt_end"))
        return out

    def _among_stored(self, layer: Layer, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the whole prompt, those of the running tokens new."""
        if self._projected is not None:
            whole, self._projected = self._projected, None
            return whole
        k, v = self._of_pieces(layer, key)
        old_k, old_v = k[:, :, self._now_T], v[:, :, self._now_T]
        self._deviation_T = deviations(key, value, old_k, old_v)
        return k.index_copy_(2, self._now_T, key), v.index_copy_(2, self._now_T, value)

    def _of_pieces(self, layer: Layer, like: Tensor) -> tuple[Tensor, Tensor]:
        """What is stored of a layer, as it is at the prompt's positions; zeros where nothing is."""
        k, v = (like.new_zeros(*like.shape[:2], len(self._own_T), like.shape[3]) for _ in range(2))
        start = 0
        for piece in self._pieces:
            end = start + len(piece)
            if isinstance(piece, Snapshot):
                state = _state(piece, layer)
                to_BT = self.pos_BT[:, start:end]
                k[:, :, start:end] = moved(state["k"], state["pos"], to_BT, layer) if layer.rotated else state["k"]
                v[:, :, start:end] = state["v"]
            start = end
        return k, v

    def _cut(self, module: Any, args: Any, kwargs: Any = None) -> Any:
        """Let a layer see only the tokens that it reads."""
        if RUNNING.get() is not self:
            return None
        hidden_BTC, *rest = args
        count = self._choice.count(module.self_attn.layer_idx, len(self._layers), self._stored)
        own_T = self._own_T[self._now_T]
        if count < int((~own_T).sum()):
            if self._deviation_T is None:
                self._ask(module, args, kwargs)
            assert self._deviation_T is not None
            chosen_T = most(self._deviation_T, own_T, count)
            hidden_BTC = hidden_BTC[:, chosen_T]
            self._now_T, self._deviation_T = self._now_T[chosen_T], self._deviation_T[chosen_T]
        if len(self._now_T) == len(self._own_T):
            return None
        here = {name: _at(kwargs[name], self._now_T) for name in ("position_ids", "position_embeddings")}
        return (hidden_BTC, *rest), {**kwargs, **here}

    def _ask(self, module: Any, args: Any, kwargs: Any) -> None:
        """Have a layer make keys and values of all tokens, and nothing else."""
        self._asking = True
        try:
            module.forward(*args, **kwargs)
        except Projected:
            return
        finally:
            self._asking = False


def check(pieces: Sequence[Piece], profile: str, method: Method, *, rows: int) -> None:
    """Raise InputError for pieces that no prompt can be put together from under these rotations."""
    if not pieces or isinstance(pieces[-1], Snapshot) or not pieces[-1]:
        raise InputError("a blended prompt ends in tokens to read, such as the question: add them as the last piece")
    if rows > 1:
        raise InputError(f"a session of {rows} texts cannot blend: open one for each")
    if method.prune != Plain():
        raise InputError("prune= chooses from a prompt that is read anew: leave prune= out to blend stored passages")
    for index, piece in enumerate(pieces):
        if not isinstance(piece, Snapshot):
            continue
        if not piece.whole:
            raise InputError(
                f"piece {index} does not hold every token of one text in every layer: read passages with kv=full, each "
                "in a session of its own, with a model that has no sliding windows"
            )
        if piece.profile != profile:
            raise InputError(
                f"piece {index} was read under other rotary frequencies than this request has: read it in a session "
                "of this method and length"
            )


def moved(k_BGSD: Tensor, pos_BS: Tensor, to_BS: Tensor, layer: Layer) -> Tensor:
    """Keys that are rotated for some positions as they are at others."""
    rotation = replace(layer.rotation, temperature=1.0)
    k, pos_BGS, to_BGS = k_BGSD.float(), pos_BS[:, None], to_BS[:, None]
    if rotation.start_frequencies_P is None:
        return rotate(k, to_BGS - pos_BGS, rotation).to(k_BGSD.dtype)
    early = Rotation(rotation.start_frequencies_P, layout=rotation.layout)
    at_start = (pos_BGS < rotation.start)[..., None]
    back = torch.where(at_start, rotate(k, -pos_BGS, early), rotate(k, -pos_BGS, rotation))
    return rotate(back, to_BGS, rotation).to(k_BGSD.dtype)


def _beginning(pieces: Sequence[Piece]) -> Snapshot | None:
    """The first piece, where it is a passage that stands at the beginning of its text."""
    piece = pieces[0]
    return piece if isinstance(piece, Snapshot) and not int(piece.pos_BT[0, 0]) else None


def _state(passage: Snapshot, layer: Layer) -> Mapping[str, Tensor]:
    """What is stored of a passage in a layer, on the device that computes."""
    return {name: part.to(layer.device) for name, part in passage.layers[layer.index].items()}


def _scattered(page: Page, q_BHTD: Tensor, q_BT: Tensor, parts: Iterable[KV]) -> Tensor:
    """Attention of tokens that lie here and there among what is stored, a block of them up to its last one's end."""
    anywhere = [replace(part, new=0, holes=True) for part in parts]
    blocks = zip(q_BHTD.split(BLOCK, 2), q_BT.split(BLOCK, 1), strict=True)
    return torch.cat([attend(page, q, pos, anywhere) for q, pos in blocks], 2)


def _at(given: Any, index_T: Tensor) -> Any:
    """Some tokens of what a layer is told of all, [B, T, ...]."""
    return tuple(part[:, index_T] for part in given) if isinstance(given, tuple) else given[:, index_T]
