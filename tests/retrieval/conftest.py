import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from longspan.core.progress import Progress, silent
from longspan.retrieval.bm25 import terms


@dataclass(frozen=True)
class Text:
    text: str
    kind: str = "text"


@dataclass
class HashEncoder:
    """Vectors of hashed terms; counts what it encodes and stops when told to."""

    digest: str = "hash encoder"
    encoded: list[str] = field(default_factory=list)
    calls: int = 0
    stop_after: int = 10**9

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> np.ndarray:
        if len(self.encoded) >= self.stop_after:
            raise KeyboardInterrupt
        self.encoded += texts
        self.calls += 1
        vectors = np.full((len(texts), 32), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                vectors[row, zlib.crc32(term.encode()) % 32] += 1
            progress("encode", row + 1, len(texts), "texts")
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture
def text() -> type[Text]:
    return Text
