"""Prompts that lose tokens from layer to layer, and get them back when a later token looks at them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from longspan.core.attend import Seen
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.rotate import sharpen
from longspan.core.types import KV, Draft, KVPolicy, Moment, NotRewindable, Progressive, Store, Watch
from longspan.draft.plain import Plain as Unguessed
from longspan.kv.full import Full
from longspan.kv.reuse.snapshot import Snapshot
from longspan.models.method import Method
from longspan.models.rotary import RUNNING
from longspan.models.session import CHUNK, Session


@dataclass(slots=True)
class Waiting:
    """Tokens that went no further than a layer, and their hidden states behind it: the auxiliary cache."""

    pos_S: Tensor
    hidden_SC: Tensor

    def nbytes(self) -> int:
        """Bytes held."""
        return self.pos_S.nbytes + self.hidden_SC.nbytes


class Lazy(Session):
    """A session in which the last token decides, at some layers, which tokens the layers behind them read.

    A token that was left out waits where it was: a step that wants it takes its hidden state on from there, so that no
    token is computed twice in a layer.
    """

    def __init__(self, model: Any, method: Method, *, length: int = 0, watch: Watch | None = None) -> None:
        super().__init__(model, method, length=length, watch=watch)
        if method.kv != Full() or method.draft != Unguessed():
            raise InputError("prune=lazyllm fetches left-out tokens back as it goes: leave kv= and draft= out")
        assert isinstance(method.prune, Progressive)
        self._layers = model.get_decoder().layers
        self._shares = method.prune.shares(len(self._layers))
        self._score = method.prune.score
        self._waiting: dict[int, Waiting] = {}
        self._wanted_S: Tensor | None = None
        """Positions that the layers read from here on; None: all of them."""

    def nbytes(self) -> int:
        """Bytes of stored tokens, those that wait between layers included."""
        return super().nbytes() + sum(waiting.nbytes() for waiting in self._waiting.values())

    def prefill(self, prompts: Sequence[Sequence[int]], *, chunk: int = CHUNK, progress: Progress = silent) -> Tensor:
        """Read one prompt (or next turn): the next token's logits [1, V] in float32."""
        if len(prompts) > 1:
            raise InputError(f"prune=lazyllm reads one text at a time, not {len(prompts)}: open a session for each")
        return super().prefill(prompts, chunk=chunk, progress=progress)

    def decode(self, tokens_BT: Tensor) -> Tensor:
        """Append T tokens, each by itself, because each decides anew what is read: logits [1, T, V] in float32."""
        return torch.cat([super(Lazy, self).decode(token_B1) for token_B1 in tokens_BT.split(1, 1)], 1)

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Attend to the tokens that are still read; where some are to be left out, see what the last one looks at."""
        if window:
            raise InputError(f"prune=lazyllm needs layers that see the whole text, and {type(module).__name__} slides")
        out = super().attend(module, query, key, value, scale=scale, window=window)
        if module.layer_idx in self._shares:
            self._wanted_S = self._choice(module.layer_idx, query[:, :, -1:])
        return out

    def rewind(self, tokens: int) -> None:
        """Refuse: what was fetched back for the tokens to forget was computed as they wanted it."""
        if tokens:
            raise NotRewindable("prune=lazyllm has fetched tokens back on behalf of those to be forgotten")

    def draft(self) -> Draft | None:
        """Nothing guesses."""
        return None

    def save(self) -> Snapshot:
        """Refuse: what is read of a prompt depends on its question."""
        raise InputError("prune= reads a text anew for each question, so nothing of it can be kept: leave prune= out")

    def fork(self, *, kv: KVPolicy, again: int = 1) -> Session:
        """Refuse: each layer holds other tokens."""
        raise InputError("prune=lazyllm stores other tokens in each layer: leave prune= out to fork a session")

    def _read(self, text_BT: Tensor, pos_BT: Tensor, chunk: int, progress: Progress) -> Tensor:
        if not self._history:
            self._waiting.clear()
        return super()._read(text_BT, pos_BT, text_BT.shape[1], progress)

    def _forward(self, text_BT: Tensor, pos_BT: Tensor, moment: Moment, *, keep: int) -> Tensor:
        self._wanted_S = None
        with self._between_layers():
            return super()._forward(text_BT, pos_BT, moment, keep=keep)

    def _visible(self, store: Store, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """What is stored of the tokens that are read; in text order as long as nothing was fetched back."""
        for part in store.read(q_BHTD, q_BT):
            if self._wanted_S is None or len(self._wanted_S) == len(part) == part.new:
                yield part
                continue
            index_S = torch.isin(part.pos_BGS[0, 0], self._wanted_S).nonzero().flatten()
            k, v, pos = (each.index_select(2, index_S) for each in (part.k_BGSD, part.v_BGSD, part.pos_BGS))
            yield KV(k, v, pos, holes=q_BT.shape[1] > 1)

    def _choice(self, layer: int, query: Tensor) -> Tensor:
        """Positions to go on with, rising; the last token's is one of them."""
        store, page = self._stores[layer], self._pages[layer][self._moment]
        last_B1 = self._pos_BT[:, -1:]
        query = sharpen(query, last_B1, page.layer)
        parts = list(self._visible(store, query, last_B1))
        weights_HS = Seen(page, query, last_B1, self._moment).weights(query, last_B1, *parts)[0, :, 0]
        pos_S = torch.cat([part.pos_BGS[0, 0] for part in parts])
        score_S = self._score(weights_HS).masked_fill(pos_S == last_B1[0], float("inf"))
        count = math.ceil(self._shares[layer] * len(pos_S))
        return pos_S[score_S.topk(count).indices].sort().values

    @contextmanager
    def _between_layers(self) -> Iterator[None]:
        hooks = [layer.register_forward_pre_hook(self._onward, with_kwargs=True) for layer in self._layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _onward(self, module: Any, args: Any, kwargs: Any) -> Any:
        """Give a layer the tokens it is to read and does not store yet."""
        if RUNNING.get() is not self or self._wanted_S is None:
            return None
        hidden_BTC, *rest = args
        before = module.self_attn.layer_idx - 1
        if before in self._shares:
            hidden_BTC = self._parted(before, hidden_BTC[0], self._wanted_S)[None]
        kind = getattr(module.self_attn, "layer_type", "")
        turned = self._model.get_decoder().rotary_emb(
            hidden_BTC, self._pos_BT, *([kind] if kind in self._kinds else [])
        )
        return (hidden_BTC, *rest), {**kwargs, "position_ids": self._pos_BT, "position_embeddings": turned}

    def _parted(self, layer: int, hidden_TC: Tensor, wanted_S: Tensor) -> Tensor:
        """Behind a layer, hidden states of wanted tokens that go on, in text order; the others wait."""
        pos_S = self._pos_BT[0]
        if (waiting := self._waiting.get(layer)) is not None:
            pos_S, hidden_TC = torch.cat([waiting.pos_S, pos_S]), torch.cat([waiting.hidden_SC, hidden_TC])
        goes_S = torch.isin(pos_S, wanted_S)
        self._waiting[layer] = Waiting(pos_S[~goes_S], hidden_TC[~goes_S])
        order = pos_S[goes_S].argsort()
        self._pos_BT, self._angles = pos_S[goes_S][order][None], {}
        return hidden_TC[goes_S][order]
