"""Find the passages of documents that a question needs: by words, by meaning, and packed to a token budget."""

from longspan.retrieval.hybrid import Hit, Index
from longspan.retrieval.pack import Packed, pack
from longspan.retrieval.passage import Passage, Source

__all__ = ["Hit", "Index", "Packed", "Passage", "Source", "pack"]
