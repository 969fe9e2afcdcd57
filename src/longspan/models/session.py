"""One request's life on a taken-over model: prefill in chunks, decode, roll back, more turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from longspan.core.attend import Page, Seen, attend
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.rotate import sharpen
from longspan.core.types import (
    KV,
    Draft,
    Ends,
    KVPolicy,
    Layer,
    Moment,
    Rehearsal,
    Rotation,
    Store,
    Watch,
)
from longspan.kv.reuse.blend import PUBLISHED, CacheBlend
from longspan.kv.reuse.snapshot import Snapshot, profile_of
from longspan.kv.state import portable
from longspan.kv.window import WindowStore
from longspan.models import rehearse, takeover
from longspan.models.blend import Blending, Piece, check
from longspan.models.branches import Branches
from longspan.models.finite import non_finite
from longspan.models.fork import opened, stored, turned
from longspan.models.lend import lent
from longspan.models.method import Method
from longspan.models.padding import padded, rows_of
from longspan.models.rotary import SHARED, angles_at, layer_types, read_rope, settled_length
from longspan.pattern.dense import Dense
from longspan.position.plain import Plain

SLIDING = "sliding_attention"
"""The layer type, where types have rotary embeddings of their own, that always sees its trained distances."""
CHUNK = 2048
"""Prompt tokens per forward pass: fewer make attention slower (by a tenth at 512), more only cost memory."""


class Session:
    """Stored tokens of a batch of texts and the model that reads them; use it in a `with` block.

    `length` is the tokens the request may reach (prompt and reply): a spectrum that depends on length is chosen for it
    once, and chosen anew, everything recomputed, should the request outgrow it.
    """

    def __init__(self, model: Any, method: Method, *, length: int = 0, watch: Watch | None = None) -> None:
        takeover.check(model)
        self.method = method
        self._model = model
        self._watch = watch
        self._kinds = layer_types(model.get_decoder())
        self._stores: dict[int, Store] = {}
        self._draft: Draft | None = None
        self._source: Session | None = None
        self._restored: dict[int, Mapping[str, Tensor]] = {}
        self.chosen: list[list[int]] = []
        """Of each row's first prompt, the tokens that were read; empty: all of them."""
        self._pages: dict[int, dict[Moment, Page]] = {}
        self._history: list[tuple[Tensor, Tensor]] = []
        self._angles: dict[str, tuple[Tensor, Tensor]] = {}
        self._moment: Moment = "chunk"
        self._pos_BT = torch.empty(0)
        self._expected = length
        self._blended = False
        self._rehearsed: list[int] = []
        """Of each row, how many of its first tokens were read a second time."""
        self._length = max(length, min(settled_length(model.get_decoder(), kind) for kind in self._kinds))
        self._rotations = self._spectra(self._length)

    def __enter__(self) -> Self:
        takeover.acquire(self._model)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_draft()
        self._stores.clear()
        self._restored.clear()
        takeover.release(self._model)

    @property
    def tokens(self) -> list[int]:
        """Tokens stored in each row."""
        return [int(n) for n in self._next_B()] if self._history else []

    def nbytes(self) -> int:
        """Bytes of stored tokens on the computing device, those of a draft included."""
        waiting = sum(part.nbytes for state in self._restored.values() for part in state.values())
        drafted = self._draft.nbytes() if self._draft is not None else 0
        return waiting + sum(store.nbytes() for store in self._stores.values()) + drafted

    @property
    def profile(self) -> str:
        """Digest of the rotations in use, which depend on model, method and length, and of when keys are turned."""
        return profile_of(self._rotations, on_write=self.method.rotates_on_write)

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[Sequence[int]], *, chunk: int = CHUNK, progress: Progress = silent) -> Tensor:
        """Read one prompt (or next turn) per row: the next token's logits [B, V] in float32.

        Rows of different lengths are padded on the left, which changes no row's result.
        """
        if not prompts or min(len(prompt) for prompt in prompts) == 0:
            raise InputError("a prompt is empty: give at least one token for each row")
        tokens_BT, pos_BT = self._padded(prompts)
        self._fit(int(pos_BT.max()) + 1)
        return self._read(tokens_BT, pos_BT, chunk, progress)

    @torch.inference_mode()
    def decode(self, tokens_BT: Tensor) -> Tensor:
        """Append T tokens to every row: logits [B, T, V] in float32 after each of them."""
        T = tokens_BT.shape[1]
        tokens_BT = tokens_BT.to(self._model.device)
        pos_BT = self._next_B()[:, None] + torch.arange(T, device=tokens_BT.device)
        self._fit(int(pos_BT.max()) + 1)
        return self._forward(tokens_BT, pos_BT, "token", keep=T)

    @torch.inference_mode()
    def blend(self, pieces: Sequence[Piece], choice: CacheBlend = PUBLISHED) -> Tensor:
        """Read a prompt (or next turn) put together from passages and tokens: the next token's logits [1, V].

        A passage is what a session of this model and method saved once it had read it; only the tokens that `choice`
        takes of it are run again, each layer at once over the whole prompt. One that begins the text is taken as it is.
        """
        first = max(self.tokens, default=0)
        self._fit(first + sum(map(len, pieces)))
        check(pieces, self.profile, self.method, rows=len(self.tokens))
        blending = Blending(self._model, pieces, choice, first=first)
        self._pos_BT, self._moment, self._angles = blending.pos_BT, "prompt_end", {}
        try:
            logits_BTV = blending.run(self._layer, self.angles)
        except BaseException:
            for store in self._stores.values():
                store.truncate(torch.full_like(blending.pos_BT[:, 0], first))
            raise
        self._history += blending.read
        self._blended = True
        return logits_BTV[:, -1]

    @torch.inference_mode()
    def branch(self, tokens: Sequence[int], parents: Sequence[int]) -> Tensor:
        """Read a tree of tokens behind the text of the only row: logits [T, V]; one branch is then to be kept.

        `parents` says which token, before it, each follows; -1: the text.
        """
        self._branches = Branches(self._model, tokens, parents, first=self.tokens[0])
        self._fit(int(self._branches.pos_BT.max()) + 1)
        self._pos_BT, self._moment, self._angles = self._branches.pos_BT, "token", {}
        return self._branches.run(self._layer, self.angles)

    @torch.inference_mode()
    def keep(self, path: Sequence[int]) -> None:
        """Go on with one branch of the tree read last, its first token first; NotRewindable as `rewind`."""
        self._history.append(self._branches.keep(path, self._watch))

    def rewind(self, tokens: int) -> None:
        """Forget the last tokens of every row; NotRewindable where a method gave up what that needs."""
        if not tokens:
            return
        length_B = self._next_B() - tokens
        for store in self._stores.values():
            store.truncate(length_B)
        text_BT, pos_BT = self._text()
        self._history = [(text_BT[:, :-tokens], pos_BT[:, :-tokens])]

    def draft(self) -> Draft | None:
        """Open what guesses the tokens of the next reply, as the method says; None: nothing does.

        It is closed when the next one is opened, or with the session.
        """
        self._close_draft()
        self._draft = self.method.draft.open(self)
        return self._draft

    @torch.inference_mode()
    def fork(self, *, kv: KVPolicy, again: int = 1) -> Session:
        """Open another session on the text read here, with stores of its own, to be closed.

        They take over what is stored here, layer by layer. Only the last `again` tokens (of the last call at most) are
        read anew, as the end of a prompt, so that the stores are shown their queries. InputError where the stores here
        hold other tokens for each head, or for several rows.
        """
        text_BT, pos_BT = self._text()
        if len(text_BT) > 1:
            raise InputError(f"a session of {len(text_BT)} texts cannot be forked: open one for each")
        fork = Session(self._model, replace(self.method, kv=kv), length=self._expected)
        fork._length, fork._rotations, fork._source = self._length, self._rotations, self
        cut = text_BT.shape[1] - min(again, self._history[-1][0].shape[1])
        fork._history = [(text_BT[:, :cut], pos_BT[:, :cut])] if cut else []
        opened(fork, lambda session: session._read(text_BT[:, cut:], pos_BT[:, cut:], CHUNK, silent))
        fork._source = None
        return fork

    def apart(self, tokens: Sequence[int]) -> Session:
        """Open another session of the same model and method, to be closed, that has read these tokens alone."""
        other = Session(self._model, self.method, length=self._expected)
        return opened(other, lambda session: session.prefill([tokens]))

    def ends(self) -> Ends:
        """Lend both ends of the model and the tokens of its last layer, as long as nothing more is read."""
        last = max(self._stores)
        return lent(self._model, self._stores[last], self._pages[last]["token"], read=max(self.tokens))

    def close(self) -> None:
        """Give back what the session holds, as the end of its `with` block does."""
        self.__exit__(None, None, None)

    def save(self) -> Snapshot:
        """All that was read, for another session of this model and method; holds until this one rolls back or ends.

        Raises InputError for a method whose stored tokens cannot leave their session.
        """
        if self._blended:
            raise InputError("a blended prompt is stored nearly as it would be read: save the passages it is made of")
        text_BT, pos_BT = self._text()
        states: dict[int, Mapping[str, Tensor]] = dict(self._restored)
        for index, store in self._stores.items():
            states[index] = portable(store, self.method.kv).state()
        return Snapshot(text_BT, pos_BT, self.profile, states)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from what another session has read; this one must have read nothing.

        Raises InputError where this session rotates otherwise, because its length or its rope method differs.
        """
        if self._history:
            raise ValueError("this session has read a text already: restore into a new one")
        self._fit(int(snapshot.pos_BT.max()) + 1)
        if snapshot.profile != self.profile:
            raise InputError(
                "the stored tokens were read under other rotary frequencies than this request has: read the text again"
            )
        device = self._model.device
        self._history.append((snapshot.text_BT.to(device), snapshot.pos_BT.to(device)))
        self._restored = dict(snapshot.layers)
        if rehearse.wanted(self.method.kv, "prompt_end", snapshot.pos_BT) is not None:
            self._rehearsed = snapshot.pos_BT.amax(1).tolist()

    def attend(self, module: Any, query: Tensor, key: Tensor, value: Tensor, *, scale: float, window: int) -> Tensor:
        """Store a layer's new keys and values, attend, let the store learn: output [B, H, T, D]."""
        store, page = self._layer(module, query, key, scale, window)
        query = query if window else sharpen(query, self._pos_BT, page.layer)
        store.append(key, value, self._pos_BT)
        out = attend(page, query, self._pos_BT, self._visible(store, query, self._pos_BT))
        seen = Seen(page, query, self._pos_BT, self._moment)
        if self._watch is not None and self._moment == "token" and self._watch.wants(page.layer):
            self._watch.see(seen, list(self._visible(store, query, self._pos_BT)))
        store.observe(seen)
        return out

    def angles(self, layer_type: str) -> tuple[Tensor, Tensor] | None:
        """Cosine and sine of the running tokens, or None where methods turn queries and keys themselves."""
        if not self._rotates(layer_type):
            return None
        if layer_type not in self._angles:
            self._angles[layer_type] = angles_at(self._pos_BT, self._rotations[layer_type])
        return self._angles[layer_type]

    def _visible(self, store: Store, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """What the running tokens attend to of a layer's store."""
        return store.read(q_BHTD, q_BT)

    def _rotates(self, layer_type: str) -> bool:
        return layer_type == SLIDING or self.method.rotates_on_write

    def _spectra(self, length: int) -> dict[str, Rotation]:
        """Each layer type's rotation for a request of `length`; layers that slide stay as trained."""
        ropes = {kind: read_rope(self._model.get_decoder(), kind, length) for kind in self._kinds}
        return {
            kind: replace(
                rope.rotation if kind == SLIDING else self.method.rope(rope, length), layout=rope.rotation.layout
            )
            for kind, rope in ropes.items()
        }

    def _fit(self, length: int) -> None:
        """Where the request outgrows its planned length and that changes the spectrum, read everything again."""
        if length <= self._length:
            return
        self._length = max(length, self._length + self._length // 4)
        before, self._rotations = self._rotations, self._spectra(self._length)
        if self._history and profile_of(before) != profile_of(self._rotations):
            text_BT, pos_BT = self._text()
            self._history.clear()
            self._rehearsed = []
            self._stores.clear()
            self._restored.clear()
            self._read(text_BT, pos_BT, CHUNK, silent)

    def _text(self) -> tuple[Tensor, Tensor]:
        return torch.cat([text for text, _ in self._history], 1), torch.cat([pos for _, pos in self._history], 1)

    def _next_B(self) -> Tensor:
        return torch.stack([pos.amax(1) for _, pos in self._history[-1:]]).amax(0) + 1

    def _padded(self, prompts: Sequence[Sequence[int]], stored_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens and positions [B, T] of prompts behind so many tokens of each row; None: all that were read."""
        if stored_B is None:
            stored_B = self._next_B() if self._history else torch.zeros(len(prompts), dtype=torch.long)
        return padded(prompts, stored_B, self._model.device)

    def _read(self, text_BT: Tensor, pos_BT: Tensor, chunk: int, progress: Progress) -> Tensor:
        total, logits_BTV = text_BT.shape[1], torch.empty(0)
        for start in range(0, total, chunk):
            end = min(start + chunk, total)
            moment: Moment = "prompt_end" if end == total else "chunk"
            first = start
            if (rehearsal := rehearse.wanted(self.method.kv, moment, pos_BT[:, start:end])) is not None:
                first = end - 1
                if start < first:
                    self._forward(text_BT[:, start:first], pos_BT[:, start:first], "chunk", keep=1)
                self._rehearse(rehearsal, progress)
            logits_BTV = self._forward(text_BT[:, first:end], pos_BT[:, first:end], moment, keep=1)
            progress("prefill", end * text_BT.shape[0], total * text_BT.shape[0], "tokens")
        return logits_BTV[:, -1]

    def _rehearse(self, rehearsal: Rehearsal, progress: Progress) -> None:
        """Read again what was not yet, and forget that."""
        rows = rows_of(*self._text()) if self._history else []
        length_B = torch.tensor([len(row) for row in rows], device=self._model.device)
        for done, total, parts in rehearse.pieces(rows, self._rehearsed or [0] * len(rows), rehearsal):
            with rehearse.forgotten(self._stores, length_B):
                self._forward(*self._padded(parts, length_B), "rehearsal", keep=1)
            self._history.pop()
            progress("rehearse", done, total, "tokens")
        self._rehearsed = [len(row) for row in rows]
        rehearse.tell(self.method.kv, self._stores, length_B + 1)

    def _forward(self, text_BT: Tensor, pos_BT: Tensor, moment: Moment, *, keep: int) -> Tensor:
        self._pos_BT, self._moment, self._angles = pos_BT, moment, {}
        with takeover.running(self):
            logits_BTV = self._model(
                input_ids=text_BT, position_ids=pos_BT.clamp_min(0), use_cache=False, logits_to_keep=keep
            ).logits.float()
            if not bool(torch.isfinite(logits_BTV.sum())):
                raise InputError(non_finite(self._model, text_BT, pos_BT))
        self._history.append((text_BT, pos_BT))
        return logits_BTV

    def _layer(self, module: Any, query: Tensor, key: Tensor, scale: float, window: int) -> tuple[Store, Page]:
        """A layer's store, opened where it is not yet, and the way it attends at this moment."""
        if module.layer_idx not in self._stores:
            self._open_layer(module, query, key, scale, window)
        return self._stores[module.layer_idx], self._pages[module.layer_idx][self._moment]

    def _open_layer(self, module: Any, query: Tensor, key: Tensor, scale: float, window: int) -> None:
        kind = getattr(module, "layer_type", SHARED)
        kind = kind if kind in self._kinds else SHARED
        depth = len(self._model.get_decoder().layers)
        layer = Layer(
            index=module.layer_idx,
            depth=depth,
            num_heads=query.shape[1],
            num_kv_heads=key.shape[1],
            head_dim=query.shape[3],
            rotation=self._rotations[kind],
            rotated=self._rotates(kind),
            device=key.device,
            dtype=key.dtype,
            expected=self._expected,
        )
        self._stores[layer.index] = WindowStore(window) if window else self.method.kv.open(layer)
        self._load(layer)
        positions, pattern = (Plain(), Dense()) if window else (self.method.positions, self.method.pattern)
        prompt, token = Page(layer, positions, pattern, scale), Page(layer, positions, Dense(), scale)
        self._pages[layer.index] = {"chunk": prompt, "prompt_end": prompt, "token": token, "rehearsal": prompt}
        if self._source is not None:
            self._take_over(layer, query, self._source)

    def _take_over(self, layer: Layer, query: Tensor, source: Session) -> None:
        """Store what `source` stores before the running tokens, rotated as it is here."""
        theirs = source._pages[layer.index]["token"].layer
        k, v, pos = stored(source._stores[layer.index].read(query, self._pos_BT), before=int(self._pos_BT.min()))
        if pos.shape[1]:
            self._stores[layer.index].append(turned(k, pos, theirs, layer), v, pos)

    def _close_draft(self) -> None:
        if self._draft is not None:
            self._draft.close()
        self._draft = None

    def _load(self, layer: Layer) -> None:
        """Give a layer's new store what was restored for it."""
        state, store = self._restored.pop(layer.index, None), self._stores[layer.index]
        if state is not None:
            portable(store, self.method.kv).load({name: part.to(layer.device) for name, part in state.items()})
            store.truncate(self._next_B())
