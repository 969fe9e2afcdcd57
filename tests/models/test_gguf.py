import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from tests.models.tiny_gguf import TEMPLATE, llama, write_gguf
from transformers import AutoModelForCausalLM, AutoTokenizer

from longspan.core.errors import InputError
from longspan.models.gguf import converted, dequantise
from longspan.models.pull import ensure
from longspan.models.shelf import shelf


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "tiny.gguf", llama())
    return tmp_path / "tiny.gguf"


def test_dequantised_weights_give_the_logits_of_the_model_in_the_file(file: Path, tmp_path: Path) -> None:
    stages: list[tuple[str, int, int, str]] = []
    dequantise(file, tmp_path / "out", progress=lambda *step: stages.append(step))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.dtype == torch.bfloat16
    tokens = torch.arange(40)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded.float()(tokens).logits, llama()(tokens).logits, atol=1e-5, rtol=1e-5)
    assert stages[-1] == ("de-quantise tiny.gguf", 20, 20, "tensors")


def test_configuration_tokenizer_and_template_survive(file: Path, tmp_path: Path) -> None:
    dequantise(file, tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert "quantization_config" not in config
    assert (config["dtype"], config["max_position_embeddings"]) == ("bfloat16", 384)
    assert config["eos_token_id"] == 258
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.chat_template == TEMPLATE
    assert tokenizer.decode(tokenizer("naïve 日本", add_special_tokens=False).input_ids) == "naïve 日本"
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<s>", "</s>")


def test_nothing_is_drawn_on_the_screen(file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    dequantise(file, tmp_path / "out")
    assert capfd.readouterr() == ("", "")


def test_a_users_file_is_converted_once_and_known_by_its_content(file: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    place = ensure(file, notify=lines.append)
    os.utime(file)
    moved = file.rename(tmp_path / "other-name.gguf")
    (tmp_path / "sub").mkdir()
    again = moved.rename(tmp_path / "sub" / "tiny.gguf")
    assert converted(again, notify=lines.append) == place
    assert len(lines) == 1
    assert [model.name for model in shelf()] == ["tiny.gguf"]


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 not a model", b"\x89PNG\r\n"])
def test_a_file_that_is_no_gguf_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fake.gguf").write_bytes(content)
    with pytest.raises(InputError, match="is not a GGUF file"):
        ensure(tmp_path / "fake.gguf")


def test_an_old_version_says_so(tmp_path: Path) -> None:
    (tmp_path / "old.gguf").write_bytes(b"GGUF\x01\x00\x00\x00")
    with pytest.raises(InputError, match="version 1"):
        ensure(tmp_path / "old.gguf")


@pytest.mark.parametrize("kept", [8, 24, 400, 3000, 60_000])
def test_a_truncated_file_says_so_and_leaves_nothing(file: Path, home: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match="cannot be read as a language model"):
        ensure(file)
    assert shelf() == []
    assert list(home.rglob("*.work")) == []


def test_an_unknown_architecture_says_so(tmp_path: Path) -> None:
    write_gguf(tmp_path / "odd.gguf", llama(), architecture="perceptron")
    with pytest.raises(InputError, match="perceptron"):
        ensure(tmp_path / "odd.gguf")


def test_a_missing_tensor_is_not_made_up(tmp_path: Path) -> None:
    write_gguf(tmp_path / "part.gguf", llama(), leave_out="blk.1.ffn_up.weight")
    with pytest.raises(InputError, match=r"lacks 1 of the model's weights.*layers\.1\.mlp\.up_proj"):
        ensure(tmp_path / "part.gguf")


def test_a_broken_tokenizer_says_so(tmp_path: Path) -> None:
    write_gguf(tmp_path / "words.gguf", llama(), merge="a nowhere")
    with pytest.raises(InputError, match="nowhere"):
        ensure(tmp_path / "words.gguf")


def test_a_disk_that_fills_up_while_weights_are_written_leaves_nothing(
    file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("transformers.LlamaForCausalLM.save_pretrained", full)
    with pytest.raises(InputError, match="bytes are needed"):
        ensure(file)
    assert list(home.rglob("model.safetensors")) == []
