"""Other programs are named, checked before anything is loaded, and timed by the same code."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.models.tiny_model import saved

from longspan.bench import peers
from longspan.bench.sides import prose
from longspan.core.errors import InputError
from longspan.models.model import Model
from longspan.plan.shape import Shape

FAKE_KVPRESS = '''
"""Drops stored tokens of every layer once a prompt was read, as kvpress does."""
from contextlib import contextmanager

print("noise that is no answer")


class HalfPress:
    def __init__(self, compression_ratio):
        self.share = compression_ratio

    @contextmanager
    def __call__(self, network):
        def cut(module, positional, named, out):
            for layer in named["past_key_values"].layers:
                if layer.keys is not None:
                    kept = round(layer.keys.shape[2] * (1 - self.share))
                    layer.keys, layer.values = layer.keys[:, :, :kept], layer.values[:, :, :kept]

        hook = network.model.register_forward_hook(cut, with_kwargs=True)
        yield
        hook.remove()
'''


class FakeLlama:
    """A llama.cpp that knows one letter a token and keeps count."""

    def __init__(self, path, **settings):
        if Path(path).stat().st_size == 0:
            raise ValueError("Failed to load model from file")
        self.settings, self.evaluated, self.closed = settings, [], False

    def tokenize(self, text, add_bos):
        return list(text)

    def reset(self):
        self.evaluated.clear()

    def eval(self, tokens):
        self.evaluated += tokens

    def sample(self, temp):
        return 7

    def close(self):
        self.closed = True


@pytest.fixture
def llama(monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", SimpleNamespace(Llama=FakeLlama, __version__="1.2.3"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("peers") / "tiny", num_hidden_layers=2)
    return Model.load(folder, device="cpu", dtype="float32")


def read(text, gguf="nowhere.gguf", python=""):
    return peers.read(text, gguf=Path(gguf), python=python)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("transfomers", "did you mean 'transformers'"),
        ("vllm", "here are: kvpress, llamacpp, transformers"),
        ("transformers:2", "kvpress:PRESS:SHARE"),
        ("transformers,transformers", "names the same twice"),
        ("llamacpp", "pip install llama-cpp-python"),
        ("kvpress", "none is named: --kvpress-python FILE"),
    ],
)
def test_peers_that_are_not_there_are_answered_with_what_to_do(text, said, monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(InputError, match=said):
        read(text)


def test_an_interpreter_that_is_none_and_a_share_that_is_none_are_named():
    with pytest.raises(InputError, match="'/nowhere/python' is none: --kvpress-python FILE"):
        read("kvpress", python="/nowhere/python")
    with pytest.raises(InputError, match=r"'1\.5' is no share of tokens"):
        read("kvpress:KnormPress:1.5", python=sys.executable)


def test_llama_cpp_needs_a_file_that_it_can_read(llama, model, tmp_path):
    with pytest.raises(InputError, match=r"'nowhere.gguf' is no file: --gguf FILE"):
        read("llamacpp")
    (tmp_path / "empty.gguf").touch()
    (asked,) = read("llamacpp", gguf=tmp_path / "empty.gguf")
    with pytest.raises(InputError, match=r"cannot read .*empty\.gguf"):
        asked.open(model, 100)


def test_llama_cpp_reads_the_prompt_and_writes_behind_it(llama, model, tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    (asked,) = read("llamacpp", gguf=tmp_path / "model.gguf")
    side = asked.open(model, 100)
    assert side.write(5, 2) == [7, 7]
    assert side._llama.evaluated == [5, 7]
    trial = side.run("x" * 50, 40, 3)
    assert (side.name, side.versions) == ("llamacpp model.gguf", {"llama-cpp-python": "1.2.3"})
    assert side._llama.settings["n_ctx"] == 100
    assert trial.read > 0
    assert side._llama.evaluated == []
    with pytest.raises(InputError, match="for 60 tokens is only 50"):
        side.run("x" * 50, 60, 3)
    side.close()
    assert side._llama.closed


def test_kvpress_runs_in_its_own_interpreter_on_the_same_weights(model, tmp_path, monkeypatch):
    (tmp_path / "kvpress.py").write_text(FAKE_KVPRESS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (asked,) = read("kvpress:HalfPress:0.75", python=sys.executable)
    side = asked.open(model, 0)
    try:
        trial = side.run(prose(model, 64), 64, 4)
    finally:
        side.close()
    config = model.network.config
    token = 2 * 2 * config.num_key_value_heads * config.head_dim * 4
    assert side.name == "kvpress HalfPress:0.75"
    assert set(side.versions) == {"transformers", "torch"}
    assert trial.stored_bytes == (16 + 4) * token
    assert min(trial.encode, trial.read, trial.write) > 0


def test_an_interpreter_that_ends_is_quoted(model, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho Traceback >&2\necho 'ImportError: no kvpress here' >&2\nexit 1\n")
    python.chmod(0o755)
    (asked,) = read("kvpress", python=str(python))
    with pytest.raises(InputError, match=r"kvpress SnapKVPress:0\.5 failed: ImportError: no kvpress here"):
        asked.open(model, 0)


def test_what_peers_hold_all_the_time_is_known_before(model, llama, tmp_path):
    shape = Shape.of(model)
    (tmp_path / "model.gguf").write_bytes(b"x" * 1000)
    asked = read("transformers,llamacpp,kvpress", gguf=tmp_path / "model.gguf", python=sys.executable)
    stored = 2 * shape.layers * shape.kv_heads * shape.head_dim * 100 * 2
    assert [each.held(shape, 100) for each in asked] == [0, 1000 + stored, shape.weight_bytes]
