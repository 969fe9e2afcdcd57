"""Memory of texts that were read, shared by requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from longspan.core.errors import InputError
from longspan.kv.reuse.snapshot import Snapshot, joined, names_of

BLOCK = 256
"""Tokens of a block."""


class PrefixCache:
    """Stored tokens by content, so that a text which begins like an earlier one is read from where they part.

    Texts are kept in blocks. A block's name is the digest of a salt and of all tokens up to its end, so texts that
    begin alike hold their common blocks once. What cannot be cut, because a layer gave tokens up, is kept as it is and
    serves texts that begin with all of it. The least recently used are forgotten beyond `limit` bytes. Threads may
    share it. The salt says under what the tokens were read: model, precision, method and rotations.
    """

    def __init__(self, limit: int, *, block: int = BLOCK) -> None:
        if limit < 1 or block < 1:
            raise InputError(f"limit is {limit} bytes and block {block} tokens; give 1 or more")
        self._limit = limit
        self._block = block
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._uncut: dict[str, str] = {}
        self._bytes = 0

    def nbytes(self) -> int:
        """Bytes of stored tokens held."""
        return self._bytes

    def find(self, salt: str, tokens: Sequence[int]) -> Snapshot | None:
        """The longest beginning of a text that is here, at least one token short of all of it."""
        with self._lock:
            blocks = self._blocks(salt, tokens, len(tokens) - 1)
            lengths = {len(self._kept[name]) for name, own in self._uncut.items() if own == salt}
            fitting = sorted(length for length in lengths if len(blocks) * self._block < length < len(tokens))
            uncut = [_uncut(name) for name in names_of(salt, tokens, fitting)]
            for name in reversed(uncut):
                if name in self._kept:
                    self._kept.move_to_end(name)
                    return self._kept[name]
            self._touch(blocks)
            parts = [self._kept[name] for name in blocks]
        return joined(parts) if parts else None

    def keep(self, salt: str, snapshot: Snapshot) -> None:
        """Take a copy of one text's stored tokens; what of it is here already is not held twice."""
        tokens = snapshot.tokens
        with self._lock:
            if snapshot.whole:
                ends = range(self._block, len(tokens) + 1, self._block)
                names = list(names_of(salt, tokens, ends))
                for name, end in zip(names, ends, strict=True):
                    if name not in self._kept:
                        self._hold(name, snapshot.copy(end - self._block, end))
            else:
                names = [_uncut(name) for name in names_of(salt, tokens, [len(tokens)])]
                if names[0] not in self._kept:
                    self._hold(names[0], snapshot.copy())
                    self._uncut[names[0]] = salt
            self._touch(names)
            while self._bytes > self._limit:
                name, forgotten = self._kept.popitem(last=False)
                self._bytes -= forgotten.nbytes()
                self._uncut.pop(name, None)

    def _blocks(self, salt: str, tokens: Sequence[int], most: int) -> list[str]:
        found: list[str] = []
        for name in names_of(salt, tokens, range(self._block, most + 1, self._block)):
            if name not in self._kept:
                break
            found.append(name)
        return found

    def _touch(self, names: Sequence[str]) -> None:
        """Mark as used, the first last: a block is no use without those before it, so it is forgotten first."""
        for name in reversed(names):
            self._kept.move_to_end(name)

    def _hold(self, name: str, snapshot: Snapshot) -> None:
        self._kept[name] = snapshot
        self._bytes += snapshot.nbytes()


def _uncut(name: str) -> str:
    """The name of a text kept as it is, which no block has."""
    return f"uncut {name}"
