"""`longspan bench` as a person calls it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from tests.draft import drafts
from tests.draft.drafts import ends_of
from tests.models.tiny_model import saved, tiny_model

from longspan.bench import roofline
from longspan.bench.sides import Transformers
from longspan.cli.main import main
from longspan.draft.glide import Glide
from longspan.models import shapes
from longspan.plan.machine import Machine


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    where = tmp_path_factory.mktemp("small") / "tiny"
    return str(saved(where, num_hidden_layers=2, max_position_embeddings=256))


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(roofline, "BYTES", 2**20)
    monkeypatch.setattr(roofline, "SIDE", {"cpu": 64})


@pytest.fixture
def call(capsys, model):
    def run(quantity, *words):
        few = ("--lengths", "63,200", "--repeats", "2", "--steps", "3", "--device", "cpu", "--dtype", "float32")
        code = main(["bench", quantity, "--model", model, *few, *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_all_sides_are_timed_at_all_lengths_and_written(call, tmp_path):
    code, out, err = call("all", "--methods", "kv=streaming_llm:budget=64", "--json", "--out", "run")
    assert code == 0, err
    result = json.loads(out)
    rows = {(each["quantity"], each["length"], each["side"]) for each in result["standings"]}
    sides = ("dense", "kv=streaming_llm:budget=64", "transformers")
    assert rows == {(q, n, side) for q in ("prefill", "decode", "ttft") for n in (63, 200) for side in sides}
    held = {each["side"]: each["stored_bytes"] for each in result["standings"] if each["length"] == 200}
    assert held["kv=streaming_llm:budget=64"] < held["dense"]
    assert {"hardware", "threads", "dtype", "versions", "digest"} <= set(result["machine"])
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"bench.json", "prefill.png", "decode.png", "ttft.png"}
    kept = json.loads((tmp_path / "run/bench.json").read_text())
    assert kept == {name: value for name, value in result.items() if name != "folder"}


def test_ratios_come_first_and_every_method_is_judged(call):
    code, out, err = call("prefill", "--methods", "tova", "--vs", "")
    assert code == 0, err
    (heading,) = (line for line in out.splitlines() if "tokens/s" in line)
    assert heading.split()[:2] == ["x", "dense"]
    assert "prefill: kv=tova " in out
    assert "transformers 5" in out
    assert "GB/s of memory" in out
    assert "bench-tiny/bench.json" in out


def test_a_pattern_without_a_recipe_a_length_beyond_the_window_and_a_single_turn_are_told(call):
    code, out, err = call("prefill", "--methods", "minference", "--lengths", "300", "--repeats", "1", "--json")
    assert code == 0, err
    assert "pattern=minference names no recipe: every head follows the built-in estimate" in err
    assert "300 tokens are beyond the model's window of 256" in err
    assert "one turn shows no spread" in err
    assert len(json.loads(out)["remarks"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lengths", "much"], "--lengths"),
        (["--methods", "kv=snapvk"], "did you mean 'snapkv'"),
        (["--vs", "transfomers"], "did you mean 'transformers'"),
        (["--vs", "llamacpp"], "pip install llama-cpp-python"),
        (["--vs", "kvpress"], "--kvpress-python FILE"),
        (["--methods", "pattern=minference:recipe=nowhere.json"], "recipe nowhere.json"),
        (["--methods", "draft=longspec:weights=nowhere.safetensors"], "cannot read draft weights"),
        (["--methods", "draft=longspec:weights=draft.safetensors"], "was trained for another model"),
        (["--device", "tpu"], "no device 'tpu'"),
    ],
)
def test_bad_input_is_answered_with_what_to_do(call, words, said, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    layer = ends_of(tiny_model(num_hidden_layers=1)).layer
    drafts.saved(Glide(replace(layer, num_heads=4), width=64, inner=96), tmp_path)
    code, out, err = call("decode", *words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err + out
    assert not list(tmp_path.glob("bench-*"))


def test_lengths_beyond_memory_are_refused_before_anything_runs(call, monkeypatch, tmp_path):
    monkeypatch.setattr("longspan.plan.machine.here", lambda device: Machine("slow", 1, 2**30, 2**22))
    monkeypatch.setattr(Transformers, "run", lambda *words: pytest.fail("it ran"))
    code, _, err = call("prefill", "--lengths", "63,100k")
    assert code == 2
    assert "102,401 tokens of prompt and reply take about" in err
    assert "are free: ask for at most" in err
    assert not list(tmp_path.glob("bench-*"))


def test_a_folder_that_cannot_be_made_is_told_before_anything_runs(call, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(Transformers, "run", lambda *words: pytest.fail("it ran"))
    code, _, err = call("prefill", "--out", "file/run")
    assert code == 2
    assert "file/run" in err


def test_lengths_that_were_finished_are_kept_when_it_is_stopped(call, monkeypatch, tmp_path):
    run = Transformers.run

    def stopped(side, text, length, steps):
        if length == 200:
            raise KeyboardInterrupt
        return run(side, text, length, steps)

    monkeypatch.setattr(Transformers, "run", stopped)
    assert call("prefill", "--out", "run")[0] == 130
    kept = json.loads((tmp_path / "run/bench.json").read_text())
    assert {each["length"] for each in kept["standings"]} == {63}


def test_a_shape_with_random_weights_is_timed_without_any(capsys, model, monkeypatch):
    monkeypatch.setattr(shapes, "ensure", lambda name: model)
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    monkeypatch.setattr(shapes, "COMMON", {"num_key_value_heads": 2, "vocab_size": 5000})
    monkeypatch.setitem(shapes.SHAPES, "1b", small)
    words = ("--lengths", "63", "--repeats", "1", "--device", "cpu", "--dtype", "float32", "--json")
    assert main(["bench", "prefill", "-m", "random:1b", *words]) == 0
    printed = capsys.readouterr()
    assert "random weights" in printed.err
    result = json.loads(printed.out)
    assert {each["side"] for each in result["standings"]} == {"dense", "transformers"}
    assert result["folder"] == "bench-random-1b"

    assert main(["bench", "prefill", "-m", "random:9b", *words]) == 2
    assert "no shape 'random:9b': there are random:1b, random:8b" in capsys.readouterr().err
