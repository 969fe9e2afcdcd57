"""`longspan extend` as a person calls it."""

import json

import pytest
from tests.models.tiny_model import saved

from longspan.cli.main import main
from longspan.core.discover import entries
from longspan.evals.search.quests import SEARCHES
from longspan.models.method import Method
from longspan.models.model import Model

HERE = {entry.name for entry in entries()}
QUICK = ("--to", "768", "--documents", "2", "--needles", "1", "--device", "cpu", "--dtype", "float32")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    where = tmp_path_factory.mktemp("small") / "tiny"
    return str(saved(where, num_hidden_layers=2, max_position_embeddings=512, initializer_range=0.15))


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_auto_compares_what_is_here_and_says_that_nothing_helps_a_random_model(call, model, tmp_path):
    short = ("--lengths", "128,512,768")
    code, out, err = call("extend", model, *QUICK, *short, "--out", "run", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert {"rope=yarn:factor=1.5", "rope=dynamic_ntk"} <= set(result["methods"])
    assert [each["method"] for each in result["standings"]] == ["", *result["methods"]]
    assert result["method"] == ""
    assert set(result["verdicts"]) == set(result["methods"])
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.html", "perplexity.png", "needles.png", "extend.json", "trials.sqlite"} <= names
    code, _, err = call("extend", model, *QUICK, *short, "--out", "run")
    assert code == 2
    assert "add --resume" in err
    code, out, err = call("extend", model, *QUICK, *short, "--out", "run", "--resume", "--json")
    assert code == 0, err
    assert json.loads(out) == result


def test_a_named_method_is_measured_and_exported_to_every_engine(call, model, tmp_path):
    exports = [word for engine in ("hf", "vllm", "llamacpp") for word in ("--export", engine, f"to-{engine}")]
    code, out, err = call("extend", model, *QUICK, "--lengths", "64,768", "--method", "yarn", *exports, "--out", "run")
    assert code == 0, err
    assert "perplexity of the last tokens" in out
    assert "against the model as trained" in out
    assert "llama-server -m MODEL.gguf --ctx-size 768 --rope-scaling yarn --rope-scale 1.5 --yarn-orig-ctx 512" in out
    assert json.loads((tmp_path / "to-vllm/hf-overrides.json").read_text())["rope_parameters"]["factor"] == 1.5
    assert Model.load(tmp_path / "to-hf").window == 768


def test_an_export_alone_measures_nothing(call, model, tmp_path):
    words = ("--method", "rope=yarn:factor=2", "--no-measure", "--export", "hf", "longer", "--out", "run")
    code, out, err = call("extend", model, *QUICK, *words)
    assert code == 0, err
    assert "perplexity" not in out
    assert not (tmp_path / "run/trials.sqlite").exists()


@pytest.mark.parametrize("name", [name for name in SEARCHES if name in HERE])
def test_a_search_leaves_a_recipe_whose_method_runs(call, model, tmp_path, name):
    words = ("--method", name, "--search", "--population", "3", "--iterations", "0", "--no-measure")
    code, out, err = call("extend", model, *QUICK, *words, "--out", "run", "--json")
    assert code == 0, err
    recipe = json.loads((tmp_path / "run/recipe.json").read_text())
    assert recipe == json.loads(out)["recipe"]
    assert recipe["after"] <= recipe["before"]
    assert len(recipe["digest"]) == 64
    method = (tmp_path / "run/method.txt").read_text().strip()
    assert method == recipe["method"]
    assert Method.parse(method).extends
    code, out, err = call("extend", model, *QUICK, *words, "--out", "run", "--resume", "--json")
    assert code == 0, err
    assert json.loads(out)["recipe"] == recipe


MISTAKES = [
    (("--to", "256"), "within the window of 512"),
    (("--to", "soon"), "--to wants a whole number"),
    (("--to", "1k", "--method", "yarm"), "yarn"),
    (("--to", "1k", "--method", "kv=streaming_llm"), "does not reach beyond the window"),
    (("--to", "1k", "--search"), "--search needs --method"),
    (("--to", "1k", "--no-measure"), "auto chooses by measuring"),
    (("--to", "1k", "--piecewise"), "--piecewise is about"),
    (("--to", "1k", "--export", "ollama", "out"), "no engine 'ollama'"),
    (("--to", "1k", "--documents", "1"), "at least 2"),
    (("--to", "1k", "--lengths", "700,1k"), "one within the window"),
    (("--to", "200k", "--documents", "2", "--lengths", "64,200k"), "Give more text with --docs"),
    (("--to", "1k", "--method", "rerope", "--no-measure", "--export", "vllm", "out"), "No engine can"),
]


@pytest.mark.parametrize(("words", "why"), MISTAKES)
def test_mistakes_end_with_code_2_and_say_what_to_do(call, model, words, why):
    code, _, err = call("extend", model, *words)
    assert code == 2
    assert why in err


def test_a_server_s_model_cannot_be_extended(call):
    code, _, err = call("extend", "http://localhost:1/v1", "--to", "1k")
    assert code == 2
    assert "on this machine" in err


def test_nothing_is_exported_when_nothing_helps(call, model, tmp_path):
    words = ("--lengths", "64,768", "--export", "hf", "longer", "--out", "run")
    code, _, err = call("extend", model, *QUICK, *words)
    assert code == 2
    assert "nothing helps" in err
    assert not (tmp_path / "longer").exists()
