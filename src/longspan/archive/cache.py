"""Documents that were read once: their stored tokens on disk, proved before they are used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.archive import entries, proof
from longspan.archive.archive import Archive
from longspan.archive.cached import ROOM, Cached, cached_of, key_of, machine_of, versions
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.core.spec import spell
from longspan.kv.reuse import file
from longspan.kv.reuse.snapshot import Snapshot
from longspan.models.digest import remember
from longspan.models.disk import FULL, free, no_room, occupied
from longspan.models.method import Method
from longspan.models.session import CHUNK

if TYPE_CHECKING:
    from longspan.documents.document import Document
    from longspan.models.model import Model

KIND, FILE = "cache", "tokens.safetensors"
SHORTEST = 4
"""Characters of a key that name it where no other begins with them."""


@dataclass(frozen=True, slots=True)
class Found:
    """Stored tokens that a prompt begins with."""

    cached: Cached
    length: int
    """Tokens to open the session for, so that it rotates as they were."""


class Cache:
    """The stored tokens of documents in an archive, one file for each reading; processes may use it at once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def readings(self) -> tuple[list[Cached], dict[str, str]]:
        """Return what is stored, newest first, and of what cannot be used the key and why."""
        good: list[Cached] = []
        bad: dict[str, str] = {}
        for key in self._archive.keys(KIND):
            try:
                good.append(self.describe(key))
            except (InputError, OSError) as error:
                bad[key] = str(error)
        return sorted(good, key=lambda cached: cached.made, reverse=True), bad

    def describe(self, key: str) -> Cached:
        """What the file of a key says of itself."""
        path = self.path(key)
        return cached_of(file.about(path), path)

    def path(self, key: str) -> Path:
        """The file of a key."""
        folder = self._archive.find(KIND, key)
        if folder is None:
            raise InputError(f"nothing is stored under {key[:12]}: `longspan cache ls` lists what is")
        return folder / FILE

    def key(self, begun: str) -> str:
        """The one key that begins like this; InputError where none or several do."""
        found = [key for key in self._archive.keys(KIND) if key.startswith(begun.lower())]
        if len(begun) < SHORTEST:
            raise InputError(f"{begun!r} names no stored document: give {SHORTEST} characters of its key or more")
        if len(found) != 1:
            count = f"{len(found)} keys begin" if found else "no key begins"
            raise InputError(f"{count} with {begun!r}: `longspan cache ls` lists the stored documents and their keys")
        return found[0]

    def add(
        self,
        model: Model,
        method: Method,
        tokens: Sequence[int],
        documents: Sequence[Document],
        *,
        chunk: int = CHUNK,
        progress: Progress = silent,
    ) -> tuple[Cached, bool]:
        """Have the model read the beginning of a prompt, prove and store it; return it and whether it is new.

        Raises InputError for a method whose stored tokens cannot leave their session, and when the disk is full.
        """
        under = model.digest, model.dtype, spell(method), model.open(method, length=len(tokens) + ROOM).profile
        key = key_of(tokens, *under)
        if self._has(key):
            return self.describe(key), False
        stored = proof.read(model, method, tokens, chunk=chunk, progress=progress)
        weights, dtype, spelt, profile = under
        cached = Cached(
            key=key,
            files=[document.path for document in documents],
            digests=[document.digest for document in documents],
            model=model.name,
            weights=weights,
            dtype=dtype,
            method=spelt,
            profile=profile,
            tokens=len(tokens),
            probe=stored.probe,
            machine=machine_of(model),
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
        )

        def write(path: Path) -> None:
            file.write(path, stored.snapshot, asdict(cached), stored.logits_V)
            proof.prove(*proof.opened(path, key), model)

        self._put(key, write, stored.snapshot.nbytes())
        cached = self.describe(key)
        remember(self._mark(cached, model), {"sha256": cached.sha256})
        return cached, True

    def holds(self, documents: Sequence[Document]) -> bool:
        """Whether something is stored, by whatever model, of the first of these documents."""
        digests = [document.digest for document in documents]
        return any(cached.digests == digests[: len(cached.digests)] for cached in self.readings()[0])

    def find(self, model: Model, method: Method, tokens: Sequence[int], length: int) -> Found | None:
        """The longest stored text that a prompt begins with, for a request of `length` tokens."""
        for cached in sorted(self.readings()[0], key=lambda cached: -cached.tokens):
            if cached.tokens >= len(tokens) or proof.differs(cached, model, spell(method)) or not cached.begins(tokens):
                continue
            for planned in (length, max(length, cached.length)):
                if model.open(method, length=planned).profile == cached.profile:
                    return Found(cached, planned)
        return None

    def why_not(self, model: Model, method: Method, documents: Sequence[Document]) -> str:
        """Why the stored tokens of these documents are of no use to a request; empty where there are none."""
        digests = [document.digest for document in documents]
        good, bad = self.readings()
        for cached in good:
            if cached.digests == digests:
                other = proof.differs(cached, model, spell(method)) or "under other names, or for shorter requests"
                return f"these documents are stored {other}: they are read again"
        readings = "1 stored reading" if len(bad) == 1 else f"{len(bad)} stored readings"
        return f"{readings} cannot be used: `longspan cache verify` says why" if bad else ""

    def load(self, cached: Cached, model: Model) -> Snapshot:
        """The stored tokens, mapped from their file; proved where this machine has not done it before.

        Raises InputError for a file that was changed, is another model's, or fails its proof.
        """
        path = self.path(cached.key)
        found, stored = proof.opened(path, cached.key)
        mark = self._mark(found, model)
        if not mark.is_file() or found.sha256 not in mark.read_text("utf-8"):
            proof.prove(found, stored, model)
            remember(mark, {"sha256": found.sha256})
        with suppress(OSError):
            os.utime(path.parent)
        return stored.snapshot

    def verify(self, key: str, model: Model) -> float:
        """Prove a file whether or not it was proved before: how far the farthest logit is off."""
        return proof.prove(*proof.opened(self.path(key), key), model)

    def beyond(self, limit: int) -> list[str]:
        """Keys of the least recently used files, those without which the others take at most `limit` bytes."""
        folders = [self.path(key).parent for key in self._archive.keys(KIND)]
        by_use = sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
        totals = accumulate(occupied(folder) for folder in by_use)
        return [folder.name for folder, total in zip(by_use, totals, strict=True) if total > limit]

    def remove(self, key: str) -> None:
        """Forget stored tokens."""
        self._archive.remove(KIND, key)

    def give(self, key: str, target: Path) -> Path:
        """Copy a file out, whole or not at all; InputError where it was changed or the target exists."""
        source = self.path(key)
        proof.opened(source, key)
        if target.exists():
            raise InputError(f"{target} exists: name a file that does not")
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, partial)
            entries.sync(partial)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def take(self, source: Path) -> tuple[Cached, bool]:
        """Copy a file in that was given out elsewhere; return what it is and whether it is new.

        Raises InputError for a file that was cut off, changed, or is none of ours. It is proved when it is first used.
        """
        if not source.is_file():
            raise InputError(f"{source} is no file: name one that `longspan cache export` wrote")
        key = cached_of(file.about(source), source).key
        if self._has(key):
            return self.describe(key), False

        def copy(path: Path) -> None:
            shutil.copyfile(source, path)
            proof.opened(path, key)

        self._put(key, copy, source.stat().st_size)
        return self.describe(key), True

    def _mark(self, cached: Cached, model: Model) -> Path:
        """Where it is noted that this machine has proved a file."""
        return self.path(cached.key).with_name(f"proved.{machine_of(model)[:16]}.json")

    def _has(self, key: str) -> bool:
        folder = self._archive.find(KIND, key)
        return folder is not None and entries.intact(folder)

    def _put(self, key: str, write: Callable[[Path], None], nbytes: int) -> None:
        """Add a file; one of the same key that was damaged makes room for it only once it is whole."""
        root = self._archive.root

        def fill(folder: Path) -> None:
            write(folder / FILE)
            self._archive.get(KIND, key)

        if free(root) < nbytes:
            raise no_room(root, nbytes)
        try:
            self._archive.put(KIND, key, fill)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise no_room(root, nbytes) from error
