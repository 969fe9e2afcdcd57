from pathlib import Path

import numpy as np
import pytest

from longspan.core.errors import InputError
from longspan.embed.parallel import Parallel
from longspan.models.encoder import SentenceEncoder, batches
from longspan.models.encoding import Encoding


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tiny")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghij",
        *(f"##{letter}" for letter in "abcdefghij"),
    ]
    BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)}).save_pretrained(path)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(path)
    return path


def reference(folder: Path, text: str) -> np.ndarray:
    """One text alone, from the definition."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
    return (mean / mean.norm()).numpy()


@pytest.fixture
def encoder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SentenceEncoder:
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    return SentenceEncoder(folder, Encoding(Parallel(64)))


def test_vectors_are_the_mean_of_the_states_whatever_the_batch(encoder: SentenceEncoder, folder: Path) -> None:
    texts = ["a b c", "", "j", "a b c d e f g h i j " * 5, "c b a"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (5, 32)
    assert vectors.dtype == np.float32
    for vector, text in zip(vectors, texts, strict=True):
        assert vector == pytest.approx(reference(folder, text), abs=1e-5)


def test_a_text_over_the_window_counts_to_its_end(encoder: SentenceEncoder) -> None:
    start = "a b c d e " * 12
    vectors = encoder.encode([start, start + "j " * 300])
    assert vectors[0] @ vectors[1] < 0.999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_no_texts_give_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, 32)


def test_progress_ends_at_the_number_of_texts(encoder: SentenceEncoder) -> None:
    told: list[tuple[str, int, int, str]] = []
    encoder.encode(["a b c d e f g h i j " * 6] * 150, lambda *step: told.append(step))
    assert len(told) > 1
    assert told[-1] == ("encode", 150, 150, "texts")


def test_the_digest_changes_with_weights_and_window(folder: Path, encoder: SentenceEncoder) -> None:
    assert encoder.digest == SentenceEncoder(folder, Encoding(Parallel(64))).digest
    assert encoder.digest != SentenceEncoder(folder, Encoding(Parallel(32))).digest


def test_batches_hold_every_item_once_and_fit() -> None:
    lengths = [5, 4096, 7, 1, 900, 900, 900, 900, 900, 63]
    found = list(batches(lengths))
    assert sorted(item for batch in found for item in batch) == list(range(10))
    assert all(max(lengths[item] for item in batch) * len(batch) <= 4096 for batch in found)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        SentenceEncoder(tmp_path)


@pytest.mark.model
def test_minilm_finds_the_meaning_without_the_words() -> None:
    from longspan.models import ensure

    encoder = SentenceEncoder(ensure("minilm"))
    vectors = encoder.encode(
        ["The physician cured the child.", "Rates rose at the central bank.", "A doctor healed a boy."]
    )
    assert vectors[0] @ vectors[2] > 0.6 > 0.3 > vectors[0] @ vectors[1]
