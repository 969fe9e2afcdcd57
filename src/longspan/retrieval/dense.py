"""Vectors of passages by meaning: encoded once, in blocks that survive Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from longspan.archive import Archive, digest_of
from longspan.core.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 256
"Passages encoded and stored at a time: what an interruption can lose."


class Encoder(Protocol):
    """Turns texts into vectors whose dot product says how near their meanings are."""

    @property
    def digest(self) -> str:
        """Name of the weights and settings: the same digest gives the same vectors."""
        ...

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, [texts, dimensions]."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """Texts of one source that are encoded and stored together."""

    key: str
    texts: tuple[str, ...]


def embed(
    texts_of_sources: Sequence[Sequence[str]],
    encoder: Encoder,
    *,
    archive: Archive,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Return the vectors of all texts, [texts, dimensions], rounded to half precision as they are stored.

    Blocks do not span sources and are named by their texts, so what was encoded before an interruption, or for another
    set of documents, is not encoded again.
    """
    import numpy as np

    blocks = [block for texts in texts_of_sources for block in blocks_of(texts, encoder)]
    total = sum(len(block.texts) for block in blocks)
    stored = {block.key: archive.get("vectors", block.key) for block in blocks}
    missing = {block.key: block for block in blocks if stored[block.key] is None}
    done = total - sum(len(block.texts) for block in missing.values())
    for group in groups(list(missing.values())):
        stored |= encode_group(group, encoder, archive=archive, progress=shifted(progress, done, total))
        done += sum(len(block.texts) for block in group)
    progress("encode", total, total, "passages")
    return np.concatenate([read_vectors(folder) for block in blocks if (folder := stored[block.key])])


def blocks_of(texts: Sequence[str], encoder: Encoder) -> Iterator[Block]:
    """Yield the blocks of one source."""
    rest = iter(texts)
    while part := tuple(islice(rest, BLOCK)):
        yield Block(digest_of(encoder.digest, *part), part)


def groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield blocks together while they hold at most BLOCK texts: many small files fill one batch."""
    group: list[Block] = []
    for block in blocks:
        if group and sum(len(member.texts) for member in group) + len(block.texts) > BLOCK:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def encode_group(group: list[Block], encoder: Encoder, *, archive: Archive, progress: Progress) -> dict[str, Path]:
    """Encode blocks in one call and store each; return their folders by key."""
    vectors = encoder.encode([text for block in group for text in block.texts], progress)
    folders, first = {}, 0
    for block in group:
        part = vectors[first : first + len(block.texts)]
        folders[block.key] = archive.put("vectors", block.key, partial(write_vectors, vectors=part))
        first += len(block.texts)
    return folders


def shifted(progress: Progress, before: int, total: int) -> Progress:
    """Return a progress for a part of the work, told as part of the whole."""
    return lambda stage, done, _part, unit: progress("encode", before + done, total, "passages")


def write_vectors(folder: Path, vectors: NDArray[np.float32]) -> None:
    """Store vectors in a folder, in half precision."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"vectors": np.ascontiguousarray(vectors, np.float16)}, folder / "vectors.safetensors")


def read_vectors(folder: Path) -> NDArray[np.float32]:
    """Read what `write_vectors` wrote."""
    import numpy as np
    from safetensors.numpy import load_file

    return load_file(folder / "vectors.safetensors")["vectors"].astype(np.float32)


def nearest(vectors: NDArray[np.float32], question: NDArray[np.float32], top: int) -> list[int]:
    """Return the rows with the largest dot product, best first, ties in order."""
    import numpy as np

    order = np.argsort(-(vectors @ question), kind="stable")[:top]
    return [int(row) for row in order]
