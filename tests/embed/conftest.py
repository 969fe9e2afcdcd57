"""Tiny encoders in folders: learned positions of two kinds, and rotary ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    BertTokenizer,
    ModernBertConfig,
    ModernBertModel,
    NomicBertConfig,
    NomicBertModel,
    RobertaConfig,
    RobertaModel,
)

from longspan.models.encoder import SentenceEncoder
from longspan.models.encoding import Encoding

WINDOW = 64
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]
SHAPE: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "pad_token_id": 0,
    # Large, because positions hardly show in what small weights give.
    "initializer_range": 0.3,
}
KINDS: dict[str, tuple[type[Any], type[Any], int]] = {
    "bert": (BertModel, BertConfig, WINDOW),
    "roberta": (RobertaModel, RobertaConfig, WINDOW + 1),
    "nomic": (NomicBertModel, NomicBertConfig, WINDOW),
    "modernbert": (ModernBertModel, ModernBertConfig, WINDOW),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("encoders")

    def make(kind: str) -> Path:
        path = root / kind
        if not path.exists():
            model, config, rows = KINDS[kind]
            torch.manual_seed(0)
            BertTokenizer(vocab={word: number for number, word in enumerate(VOCABULARY)}).save_pretrained(path)
            model(config(**SHAPE, max_position_embeddings=rows)).save_pretrained(path)
        return path

    return make


@pytest.fixture
def encoder(folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., SentenceEncoder]:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)

    def make(text: str = "", kind: str = "bert") -> SentenceEncoder:
        return SentenceEncoder(folder(kind), Encoding.parse(text))

    return make


@pytest.fixture
def model(folder: Callable[[str], Path]) -> Callable[..., Any]:
    def load(kind: str = "bert", **changes: Any) -> Any:
        return AutoModel.from_pretrained(folder(kind), **changes).eval()

    return load


@pytest.fixture
def text() -> Callable[..., str]:
    """A text of so many tokens, the two around it included."""

    def make(tokens: int, seed: int = 0) -> str:
        chosen = torch.randint(10, (tokens - 2,), generator=torch.Generator().manual_seed(seed))
        return " ".join("abcdefghij"[item] for item in chosen.tolist())

    return make


@pytest.fixture
def ids() -> Callable[[str], torch.Tensor]:
    """The tokens of a text as the encoders read them, [1, T]."""
    return lambda text: torch.tensor([[2, *(VOCABULARY.index(word) for word in text.split()), 3]])
