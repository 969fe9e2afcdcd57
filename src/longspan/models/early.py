"""Prompts of which a model's first layers choose the tokens that the whole model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from longspan.core.attend import Seen
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.types import KVPolicy
from longspan.kv.full import Full
from longspan.kv.reuse.snapshot import Snapshot
from longspan.models import takeover
from longspan.models.method import Method
from longspan.models.session import CHUNK, Session


class Enough(Exception):
    """Ends a forward pass at the layer that was asked for; the layers behind it do not run."""


class Early(Session):
    """A session whose forward passes end at one layer, with its queries and keys; one that slides is passed over."""

    def __init__(self, model: Any, method: Method, last: int, *, length: int) -> None:
        super().__init__(model, method, length=length)
        self._last = last
        self._logits_HS = torch.empty(0)

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Attend as ever before the last layer; there store keys, see what the last query makes of them, and stop."""
        if module.layer_idx < self._last or window:
            return super().attend(module, query, key, value, scale=scale, window=window)
        store, page = self._layer(module, query, key, scale, window)
        store.append(key, value, self._pos_BT)
        if self._moment == "prompt_end":
            q_BHTD, q_BT = query[:, :, -1:], self._pos_BT[:, -1:]
            seen = Seen(page, q_BHTD, q_BT, self._moment)
            self._logits_HS = seen.logits(q_BHTD, q_BT, *store.read(q_BHTD, q_BT))[0, :, 0]
        raise Enough

    @torch.inference_mode()
    def look(self, prompt: Sequence[int], progress: Progress) -> Tensor:
        """Read a prompt up to the layer: logits [H, S] of its last token's queries over all of its tokens."""
        text_BT, pos_BT = self._padded([prompt])
        total = text_BT.shape[1]
        for start in range(0, total, CHUNK):
            end = min(start + CHUNK, total)
            self._pos_BT, self._angles = pos_BT[:, start:end], {}
            self._moment = "prompt_end" if end == total else "chunk"
            with takeover.running(self):
                try:
                    self._model(input_ids=text_BT[:, start:end], position_ids=self._pos_BT, use_cache=False)
                except Enough:
                    progress("choose tokens", end, total, "tokens")
        if not self._logits_HS.numel():
            raise InputError(f"no layer from {self._last} on sees the whole text: choose tokens in an earlier layer")
        return self._logits_HS


@dataclass(frozen=True, slots=True)
class Look:
    """A prompt that has not been read yet, seen by as many layers as are asked for."""

    model: Any
    method: Method
    prompt: Sequence[int]
    length: int
    progress: Progress

    @property
    def layers(self) -> int:
        """Layers of the whole model."""
        return len(self.model.get_decoder().layers)

    def logits(self, layer: int) -> Tensor:
        """Logits [H, S] of the last token's queries over all tokens, in a layer; no layer behind it runs."""
        with Early(self.model, replace(self.method, kv=Full()), layer, length=self.length) as early:
            return early.look(self.prompt, self.progress)


class Pruned(Session):
    """A session that reads of its first prompt only what the method chooses; later turns are read whole."""

    def prefill(self, prompts: Sequence[Sequence[int]], *, chunk: int = CHUNK, progress: Progress = silent) -> Tensor:
        """Choose, then read what was chosen as a prompt of its own: the next token's logits [B, V] in float32."""
        if self.chosen:
            return super().prefill(prompts, chunk=chunk, progress=progress)
        self.chosen = [list(self._choice(prompt, progress)) for prompt in prompts]
        kept = [[prompt[index] for index in chosen] for prompt, chosen in zip(prompts, self.chosen, strict=True)]
        dropped = max(map(len, prompts), default=0) - max(map(len, kept), default=0)
        self._expected = max(0, self._expected - dropped)
        return super().prefill(kept, chunk=chunk, progress=progress)

    def save(self) -> Snapshot:
        """Refuse: what is read of a prompt depends on its question."""
        raise InputError("prune= reads a text anew for each question, so nothing of it can be kept: leave prune= out")

    def fork(self, *, kv: KVPolicy, again: int = 1) -> Session:
        """Refuse: a draft reads the text as it is, and this session holds some of it."""
        raise InputError("prune= leaves a draft without the whole text: take draft=prompt_lookup, or leave one out")

    def _choice(self, prompt: Sequence[int], progress: Progress) -> Sequence[int]:
        look = Look(self._model, self.method, prompt, self._expected, progress)
        return self.method.prune.choose(prompt, look) if prompt else []
