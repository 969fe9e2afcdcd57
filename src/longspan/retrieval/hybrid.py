"""Search by words and by meaning at once: two rankings made one by reciprocal rank fusion.

Cormack, Clarke, Büttcher 2009, https://doi.org/10.1145/1571941.1572114
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from longspan.archive import Archive, digest_of
from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.retrieval import dense
from longspan.retrieval.bm25 import BM25
from longspan.retrieval.passage import SIZE, Passage, Source, limit_of, passages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEPTH = 100
"Passages of each ranking that are fused, or more when more are asked for."
LAYOUT = "2"
"Part of every index's key: raise it when passages, terms or files change, so that old indexes are not read."


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found."""

    passage: Passage
    score: float
    "Sum of 1 / (60 + rank) over the rankings it is in."
    bm25_rank: int | None
    "Place by words, from 1; None when it shares no word with the question or came too late."
    dense_rank: int | None
    "Place by meaning, from 1; None without an encoder or when it came too late."


def fuse(*rankings: Sequence[int], k: int = 60) -> list[tuple[int, float]]:
    """Fuse rankings: an item scores the sum of 1 / (k + rank), ranks from 1; best first, ties by item."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (k + rank)
    return sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """The passages of some sources, ready to be searched."""

    passages: tuple[Passage, ...]
    "In document order."
    bm25: BM25
    vectors: NDArray[np.float32] | None
    "One row per passage, [passages, dimensions]; None without an encoder."
    encoder: dense.Encoder | None

    @classmethod
    def build(
        cls,
        sources: Sequence[Source],
        encoder: dense.Encoder | None,
        *,
        archive: Archive,
        size: int = SIZE,
        progress: Progress = silent,
    ) -> Index:
        """Return the index of these sources from the archive, made and stored first when it is not there.

        `size` is the words of a passage; the encoder says how it reads long ones. Without one only words are searched.
        """
        named = [part for source in sources for part in (source.kind, source.text)]
        key = digest_of(LAYOUT, str(size), encoder.digest if encoder else "", *named)
        folder = archive.get("index", key)
        if folder is None:
            made = cls.make(sources, encoder, archive=archive, size=size, progress=progress)
            folder = archive.put("index", key, made.save)
        return cls.load(folder, encoder)

    @classmethod
    def make(
        cls,
        sources: Sequence[Source],
        encoder: dense.Encoder | None,
        *,
        archive: Archive,
        size: int,
        progress: Progress,
    ) -> Index:
        """Cut, count and encode the sources; the archive keeps the vectors of every finished block."""
        found: list[Passage] = []
        for number, source in enumerate(sources):
            progress("cut", number, len(sources), "documents")
            code = source.kind == "code"
            found += passages(source.text, source=number, code=code, size=size, limit=limit_of(size))
        if not found:
            raise InputError("nothing to search: the documents hold no text. Name others.")
        progress("cut", len(sources), len(sources), "documents")
        texts = [passage.of(sources[passage.source].text) for passage in found]
        bm25 = BM25.build(texts)
        progress("count words", len(texts), len(texts), "passages")
        if encoder is None:
            return cls(tuple(found), bm25, None, None)
        by_source = groupby(zip(found, texts, strict=True), key=lambda pair: pair[0].source)
        grouped = [[text for _, text in group] for _, group in by_source]
        return cls(tuple(found), bm25, dense.embed(grouped, encoder, archive=archive, progress=progress), encoder)

    def save(self, folder: Path) -> None:
        """Write the index into a folder."""
        import numpy as np
        from safetensors.numpy import save_file

        spans = np.array([(passage.source, passage.start, passage.end) for passage in self.passages], np.int64)
        save_file({"passages": spans}, folder / "passages.safetensors")
        self.bm25.save(folder / "bm25")
        if self.vectors is not None:
            dense.write_vectors(folder, self.vectors)

    @classmethod
    def load(cls, folder: Path, encoder: dense.Encoder | None) -> Index:
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        spans = load_file(folder / "passages.safetensors")["passages"].tolist()
        vectors = dense.read_vectors(folder) if encoder else None
        return cls(tuple(Passage(*span) for span in spans), BM25.load(folder / "bm25"), vectors, encoder)

    def search(self, question: str, top: int) -> list[Hit]:
        """Return the `top` passages that best fit a question, best first."""
        if not question.strip():
            raise InputError("the question is empty: say what to look for")
        depth = max(DEPTH, top)
        by_words = [passage for passage, _ in self.bm25.rank(question, depth)]
        by_meaning: list[int] = []
        if self.encoder is not None and self.vectors is not None:
            by_meaning = dense.nearest(self.vectors, self.encoder.encode([question])[0], depth)
        word_rank = {passage: place for place, passage in enumerate(by_words, 1)}
        meaning_rank = {passage: place for place, passage in enumerate(by_meaning, 1)}
        return [
            Hit(self.passages[item], score, word_rank.get(item), meaning_rank.get(item))
            for item, score in fuse(by_words, by_meaning)[:top]
        ]
