"""What a model computes in, by name and by rule."""

import pytest
import torch
from tests.models.tiny_model import saved, tiny_model

from longspan.core.errors import InputError
from longspan.models import precision
from longspan.models.precision import PRECISIONS, find_precision, pick_precision

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def plain_processor(monkeypatch):
    """A processor with FBGEMM that does not multiply bfloat16."""
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: False)
    monkeypatch.setattr(precision, "multiplies_half", lambda: True)


def stored(folder, dtype):
    return saved(folder, tiny_model().network.to(dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_processor_without_fast_half_precision_computes_in_float32_with_the_weights_as_they_are(tmp_path, dtype):
    assert pick_precision(CPU, stored(tmp_path, dtype)) == PRECISIONS["w16a32"]
    assert pick_precision(CPU) == PRECISIONS["w16a32"]


def test_weights_of_more_bits_stay_whole(tmp_path):
    folder = stored(tmp_path, torch.float32)
    assert pick_precision(CPU, folder) == PRECISIONS["float32"]
    with pytest.raises(InputError, match=r"w16a32 would round the weights in .*, which have more bits: take"):
        find_precision("w16a32", CPU, folder)


def test_a_folder_without_weights_has_none_of_sixteen_bits(tmp_path):
    assert pick_precision(CPU, tmp_path) == PRECISIONS["float32"]
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    assert pick_precision(CPU, tmp_path) == PRECISIONS["float32"]


def test_without_fbgemm_all_is_float32(monkeypatch):
    monkeypatch.setattr(precision, "multiplies_half", lambda: False)
    assert pick_precision(CPU) == PRECISIONS["float32"]
    with pytest.raises(InputError, match="w16a32 needs PyTorch's FBGEMM, which cpu here has not: take --dtype float32"):
        find_precision("w16a32", CPU)


def test_where_half_precision_is_fast_it_is_taken(monkeypatch):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: True)
    assert pick_precision(CPU) == PRECISIONS["bfloat16"]
    assert pick_precision(torch.device("mps")) == PRECISIONS["float16"]


def test_bytes_of_weights_are_counted_by_hand():
    config = {"vocab_size": 10, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 9, "head_dim": 64, "tie_word_embeddings": False}
    own, embedding = 2 * 576 * (960 + 576 + 3 * 1536), 10 * 576
    assert PRECISIONS["bfloat16"].weight_bytes(own + 2 * embedding, config) == 2 * (own + 2 * embedding)
    # of 576 input channels 1,024 are packed, of 1,536 no more
    packed = 2 * 2 * (1024 * (960 + 576 + 2 * 1536) + 1536 * 576)
    assert PRECISIONS["w16a32"].weight_bytes(own + 2 * embedding, config) == 4 * embedding + packed + 2 * 10 * 1024
    tied = config | {"tie_word_embeddings": True}
    assert PRECISIONS["w16a32"].weight_bytes(own + embedding, tied) == 4 * embedding + packed + 2 * 10 * 1024
