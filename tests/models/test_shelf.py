import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import DynamicCache, Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from longspan.core.errors import InputError
from longspan.models import digest as digest_module
from longspan.models.digest import digest
from longspan.models.record import Record, write_record
from longspan.models.shelf import kv_bytes, shelf

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def place(home: Path) -> Path:
    place = home / "models" / "tiny"
    LlamaForCausalLM(LlamaConfig(**SHAPE)).to(torch.bfloat16).save_pretrained(place)
    return place


def test_an_empty_home_has_an_empty_shelf() -> None:
    assert shelf() == []


def test_the_shelf_says_what_transformers_says(place: Path) -> None:
    write_record(place, Record(name="tiny", source="made here", licence="Apache-2.0"))
    (model,) = shelf()
    loaded = LlamaForCausalLM.from_pretrained(place, dtype=torch.bfloat16)
    cache = DynamicCache(config=loaded.config)
    loaded(torch.zeros(1, 1024, dtype=torch.long), past_key_values=cache)
    stored = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert (model.name, model.path, model.licence, model.window) == ("tiny", place, "Apache-2.0", 2048)
    assert model.parameters == loaded.num_parameters()
    assert model.kv_bytes_per_1k == stored
    assert model.nbytes == sum(path.stat().st_size for path in place.iterdir())


def test_sliding_layers_count_to_their_window() -> None:
    kinds = ["sliding_attention", "sliding_attention", "full_attention"]
    config = Gemma3TextConfig(**SHAPE, sliding_window=100, layer_types=kinds)
    model = Gemma3ForCausalLM(config).to(torch.bfloat16)
    cache = DynamicCache(config=config)
    with torch.no_grad():
        model(torch.zeros(1, 1023, dtype=torch.long), past_key_values=cache)
        model(torch.zeros(1, 1, dtype=torch.long), past_key_values=cache)
    tokens = [layer.keys.shape[-2] for layer in cache.layers]
    # transformers keeps one token less than the window between calls: the next one completes it.
    assert tokens == [99, 99, 1024]
    described = config.to_dict() | {"architectures": ["Gemma3ForCausalLM"]}
    assert kv_bytes(described, tokens=1024) == 2 * 2 * 2 * 8 * (100 + 100 + 1024)


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({"sliding_window": 256}, 3 * 256),
        ({"sliding_window": 256, "use_sliding_window": False}, 3 * 1024),
        ({"sliding_window": 4096}, 3 * 1024),
        ({"sliding_window": 256, "sliding_window_pattern": 3}, 2 * 256 + 1024),
        ({"layer_types": ["linear_attention", "full_attention", "conv"]}, 1024),
        ({"layer_types": ["chunked_attention"] * 3, "attention_chunk_size": 64}, 3 * 64),
        ({"num_key_value_heads": None}, 2 * 3 * 1024),
    ],
)
def test_every_way_to_write_a_sliding_window_is_read(settings: dict[str, object], tokens: int) -> None:
    config = SHAPE | {"architectures": ["SomeForCausalLM"]} | settings
    assert kv_bytes(config, tokens=1024) == 2 * 2 * 2 * 8 * tokens


def test_an_encoder_stores_nothing() -> None:
    assert kv_bytes(SHAPE | {"architectures": ["BertModel"]}, tokens=1024) == 0


def test_saved_positions_are_no_parameters(place: Path) -> None:
    save_file({"a": torch.zeros(3, 5), "ids": torch.arange(7)}, place / "model.safetensors")
    assert shelf()[0].parameters == 15


@pytest.mark.parametrize("damage", ["not json", "[]", '{"architectures": ["XForCausalLM"]}'])
def test_a_damaged_model_says_what_to_do(place: Path, damage: str) -> None:
    (place / "config.json").write_text(damage)
    with pytest.raises(InputError, match=r"damaged model .* pull it again"):
        shelf()


def test_a_header_longer_than_the_format_allows_is_not_read(place: Path) -> None:
    (place / "model.safetensors").write_bytes((2**62).to_bytes(8, "little"))
    with pytest.raises(InputError, match="header"):
        shelf()


def test_the_digest_changes_with_weights_and_configuration_alone(place: Path) -> None:
    first = digest(place)
    assert len(first) == 64
    (place / "notes.txt").write_text("not part of the model")
    assert digest(place) == first
    config = json.loads((place / "config.json").read_text()) | {"rope_theta": 1.0}
    (place / "config.json").write_text(json.dumps(config))
    second = digest(place)
    with (place / "model.safetensors").open("rb+") as weights:
        weights.seek(-1, os.SEEK_END)
        weights.write(b"\x7f")
    assert len({first, second, digest(place)}) == 3


def test_a_digest_is_remembered_outside_the_model_folder(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = place.rename(tmp_path / "mine")
    before = sorted(os.listdir(mine))
    first = digest(mine)
    monkeypatch.setattr(digest_module, "hash_file", lambda *_, **__: pytest.fail("read again"))
    assert digest(mine) == first
    assert sorted(os.listdir(mine)) == before


def test_a_folder_without_a_model_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json is missing"):
        digest(tmp_path)
