"""`longspan ask` answers with everything that proves it, and meets bad input with one clear line."""

from __future__ import annotations

import json
from pydoc_data.topics import topics

import pytest
import torch
from tests.models.tiny_model import saved, tiny_model, tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from longspan.cli import ask as module
from longspan.cli.main import main
from longspan.core.home import home
from longspan.decode.generate import Generation
from longspan.embed.grouped import Grouped
from longspan.models import ensure
from longspan.models.encoding import Encoding
from longspan.models.session import Session

HOME = str(home())
"""Where the person who runs the tests keeps models."""
QUESTION = "What does yield do?"
SETTINGS = {"num_hidden_layers": 3, "max_position_embeddings": 1024}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(saved(tmp_path_factory.mktemp("small") / "tiny", **SETTINGS))


@pytest.fixture
def files(tmp_path):
    (tmp_path / "short.txt").write_text(topics["continue"].strip())
    (tmp_path / "long.txt").write_text((topics["yield"] + topics["function"] + topics["class"]).strip())
    return tmp_path


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """A store of its own, and no sentence encoder, which would have to be pulled."""
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "_encoder", lambda encoding, progress: None)


@pytest.fixture
def ask(files, model, capsys):
    """Exit code, standard output and standard error of a question."""

    def call(*words, file="short.txt", question=QUESTION, **options):
        named = {"model": model, "max-tokens": "8", "device": "cpu", "dtype": "float32", **options}
        flags = [word for name, value in named.items() for word in (f"--{name}", str(value))]
        code = main(["ask", str(files / file), question, *flags, *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def runs(capsys):
    def listed():
        assert main(["runs", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return listed


@pytest.mark.parametrize(("file", "route"), [("short.txt", "full"), ("long.txt", "retrieve"), ("long.txt", "stream")])
def test_json_holds_the_answer_and_all_that_proves_it(ask, files, model, file, route):
    code, out, _ = ask("--json", file=file, route=route)
    found, text = json.loads(out), (files / file).read_text()
    assert code == 0
    assert found["route"] == route
    assert isinstance(found["answer"], str)
    assert found["question"] == QUESTION
    assert found["finish"] in ("stop", "length")
    assert 0 < found["tokens"]["reply"] <= 8 or not found["answer"]
    assert found["tokens"]["documents"] == len(tokenizer().encode(text, add_special_tokens=False, verbose=False))
    assert found["evidence"]
    for passage in found["evidence"]:
        assert set(passage) == {"file", "page", "start", "end", "text", "score"}
        assert passage["text"] == text[passage["start"] : passage["end"]]
    assert {*found["predicted"]} == {"seconds", "kv", "peak"}
    assert {*found["actual"]} == {"seconds", "first_seconds", "search_seconds", "kv", "peak"}
    searched = found["actual"].pop("search_seconds")
    assert found["actual"]["first_seconds"] < found["actual"]["seconds"]
    assert found["tokens"]["cached"] == 0
    assert (searched > 0) == (route == "retrieve")
    assert min(*found["predicted"].values(), *found["actual"].values()) > 0
    assert found["settings"] == {
        "route": route, "method": "", "max_tokens": 8, "effective": 0, "passage_words": 100, "embed_method": ""
    }  # fmt: skip
    assert {*found["versions"]} == {"longspan", "torch", "transformers", "python"}
    assert found["model"]["name"] == "tiny"
    assert (found["model"]["dtype"], found["model"]["device"]) == ("float32", "cpu")
    assert len(found["model"]["digest"]) == 64
    assert [each["name"] for each in found["plan"]["routes"]] == ["full", "retrieve", "stream"]
    assert found["plan"]["chosen"] == route


def test_the_digest_tells_models_apart(ask, files):
    other = saved(files / "other", **SETTINGS, seed=1)
    digests = [json.loads(ask("--json", **options)[1])["model"]["digest"] for options in ({}, {"model": other}, {})]
    assert digests[0] == digests[2] != digests[1]


def test_the_answer_is_printed_with_its_plan_and_evidence(ask):
    code, out, err = ask()
    assert code == 0
    assert "Evidence\n[1] " in out
    assert "short.txt,characters0-" in "".join(out.split())
    assert "window 1,024" in err
    assert "route full: the whole text fits" in err
    assert "8 written in" in err
    assert "taken from the cache" not in err
    assert "predicted" in err


def test_a_dry_run_shows_the_routes_and_runs_nothing(ask, runs, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("generated")

    monkeypatch.setattr(Generation, "run", fail)
    code, out, err = ask("--dry-run", file="long.txt")
    assert (code, out) == (0, "")
    for name in ("full", "retrieve", "stream"):
        assert f" {name} " in err
    assert "do not fit the 1,024-token window" in err
    assert "route retrieve: " in err
    assert runs() == []


def test_a_dry_runs_numbers_are_those_of_the_run(ask):
    dry = json.loads(ask("--dry-run", "--json", file="long.txt")[1])
    wet = json.loads(ask("--json", file="long.txt")[1])

    def numbers(found):
        return [(each["name"], each["prompt_tokens"], each["kv_bytes"]) for each in found["plan"]["routes"]]

    assert numbers(dry) == numbers(wet)
    assert dry["document_tokens"] == wet["tokens"]["documents"]
    assert "answer" not in dry


@pytest.mark.parametrize("method", ["", "kv=keydiff:budget=0.5"])
def test_the_plans_numbers_are_said_to_be_those_without_the_method(ask, method):
    err = ask("--dry-run", method=method)[2]
    assert ("KV, memory and time above are those without --method" in err) == bool(method)


def test_runs_are_listed_with_what_came_of_them(ask, runs, files):
    out = json.loads(ask("--json")[1])
    (run,) = runs()
    assert (run["command"], run["status"], run["result"]) == ("ask", "done", out)
    assert (run["settings"]["question"], run["settings"]["files"]) == (QUESTION, [str(files / "short.txt")])


def test_ctrl_c_ends_with_130_and_the_run_is_listed_as_stopped(ask, runs, monkeypatch):
    whole = Generation.run

    def stopped(self, *words, **settings):
        yield next(whole(self, *words, **settings))
        raise KeyboardInterrupt

    monkeypatch.setattr(Generation, "run", stopped)
    code, _, err = ask()
    assert code == 130
    assert err.rstrip().endswith("longspan: stopped; nothing lost")
    assert [run["status"] for run in runs()] == ["stopped"]
    monkeypatch.undo()


def test_after_a_stop_the_same_question_is_answered(ask, runs, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Session, "decode", _stop)
        assert ask()[0] == 130
    assert ask()[0] == 0
    assert [run["status"] for run in runs()] == ["done", "stopped"]


def _stop(*_):
    raise KeyboardInterrupt


def gpt2(folder):
    config = GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=len(tokenizer()), bos_token_id=1, eos_token_id=2)
    return {"model": saved(folder / "gpt2", GPT2LMHeadModel(config))}


def damaged(folder):
    network = tiny_model(**SETTINGS).network
    with torch.no_grad():
        network.model.layers[2].mlp.down_proj.weight[3, 5] = float("nan")
    return {"model": saved(folder / "damaged", network)}


def cut_off(folder):
    place = saved(folder / "cut", **SETTINGS)
    (place / "model.safetensors").write_bytes((place / "model.safetensors").read_bytes()[:9000])
    return {"model": place}


def false_gguf(folder):
    (folder / "false.gguf").write_bytes(b"PK\x03\x04 this is no model")
    return {"model": folder / "false.gguf"}


def broken_gguf(folder):
    (folder / "broken.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 60)
    return {"model": folder / "broken.gguf"}


def binary(folder):
    (folder / "program.bin").write_bytes(bytes(range(256)) * 20)
    return {"file": "program.bin"}


def empty(folder):
    (folder / "empty.txt").write_text("")
    return {"file": "empty.txt"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": "smollm"}, ["no model 'smollm'", "smollm2"]),
        ({"model": "missing.gguf"}, ["no model 'missing.gguf'"]),
        ({"method": "kv=snapkvv:budget=4"}, ["snapkvv", "snapkv"]),
        ({"method": "kv=snapkv:bugdet=4"}, ["bugdet", "budget"]),
        ({"method": "kb=snapkv"}, ["kb", "kv"]),
        ({"method": "kv=infllm:block=0"}, ["block", "at least 1"]),
        ({"route": "ful"}, ["no route named 'ful'", "'full'"]),
        ({"dtype": "int3"}, ["no precision named 'int3'", "bfloat16"]),
        ({"device": "tpu"}, ["no device 'tpu'", "cpu"]),
        ({"question": "  "}, ["the question is empty", "say what you want to know"]),
        ({"file": "none.txt"}, ["none.txt"]),
        ({"max-tokens": "0"}, ["max-tokens"]),
        ({"max-tokens": "1024", "route": "retrieve"}, ["no room for text in the 1,024-token window", "--route stream"]),
        (binary, ["program.bin"]),
        (empty, ["empty.txt"]),
        (gpt2, ["a table of positions", "Retrieval"]),
        (damaged, ["layer 2 of LlamaForCausalLM gave non-finite numbers", "--dtype float32"]),
        (cut_off, ["cannot load a language model"]),
        (false_gguf, ["false.gguf is not a GGUF file"]),
        (broken_gguf, ["broken.gguf"]),
        ({"file": "long.txt", "route": "full"}, ["do not fit the 1,024-token window", "--route retrieve", "larger"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "-".join(map(str, value)),
)
def test_bad_input_is_one_clear_line_and_exit_code_2(ask, files, runs, wrong, said):
    code, out, err = ask(**(wrong(files) if callable(wrong) else wrong))
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith(("longspan: ", "Error: "))
    for words in said:
        assert words in last
    assert {run["status"] for run in runs()} <= {"failed"}


def test_over_length_says_the_numbers_of_the_plan(ask):
    plan = json.loads(ask("--dry-run", "--json", file="long.txt")[1])["plan"]
    total = plan["routes"][0]["prompt_tokens"] + 8
    _, _, err = ask(file="long.txt", route="full")
    assert f"{total:,} tokens with the reply do not fit the 1,024-token window" in err


def test_debug_shows_the_traceback(ask):
    code, _, err = ask("--debug", question=" ")
    assert code == 2
    assert "Traceback (most recent call last)" in err


def test_a_question_without_files_says_how_to_ask(capsys):
    assert main(["ask", "Who?"]) == 2
    assert "name at least one file and then the question" in capsys.readouterr().err


def test_bad_words_are_refused_before_a_model_is_loaded(ask, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("loaded")

    monkeypatch.setattr("longspan.models.model.Model.load", fail)
    for wrong in ({"question": ""}, {"route": "ful"}, {"method": "kv=none"}, {"file": "none.txt"}):
        assert ask(**wrong)[0] == 2


def test_a_file_that_cannot_be_read_among_others_is_named_and_left_out(ask, files):
    (files / "folder").mkdir()
    (files / "folder" / "good.txt").write_text(topics["continue"])
    (files / "folder" / "bad.pdf").write_bytes(b"%PDF-1.7 broken")
    code, out, err = ask("--json", file="folder")
    assert code == 0
    assert "skipped folder/bad.pdf: " in err.replace(f"{files}/", "")
    assert {passage["file"].split("/")[-1] for passage in json.loads(out)["evidence"]} == {"good.txt"}


CHAPTERS = ["continue", "yield"]


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (
            'When "continue" passes control out of a "try" statement with a "finally" clause, what is executed?',
            'When "continue" passes control out of a "try" statement',
        ),
        ("Which section has the full details of yield semantics?", 'For full details of "yield" semantics'),
    ],
)
@pytest.mark.parametrize(("route", "names"), [("retrieve", sorted(topics)), ("stream", CHAPTERS)])
def test_a_real_models_answer_rests_on_the_passage_that_holds_it(
    tmp_path, monkeypatch, capsys, route, names, question, sentence
):
    with monkeypatch.context() as patch:
        patch.setenv("LONGSPAN_HOME", HOME)
        model = str(ensure("smollm2"))
    text = "\n\n".join(topics[name].strip() for name in names)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chapters.txt").write_text(text)
    words = ["--model", model, "--route", route, "--max-tokens", "32", "--json"]
    assert main(["ask", "chapters.txt", question, *words]) == 0
    found = json.loads(capsys.readouterr().out)
    best = found["evidence"][0]
    assert found["route"] == route
    assert sentence in best["text"]
    assert len(best["text"]) < 2000
    assert all(passage["text"] == text[passage["start"] : passage["end"]] for passage in found["evidence"])


def test_documents_know_their_pages_in_the_answer(ask, files):
    from reportlab.pdfgen import canvas

    sheet = canvas.Canvas(str(files / "pages.pdf"), invariant=True)
    for line in ("A generator yields values.", "A loop may continue.", "A function returns once."):
        sheet.drawString(72, 700, line)
        sheet.showPage()
    sheet.save()
    code, out, _ = ask("--json", file="pages.pdf")
    evidence = json.loads(out)["evidence"]
    assert code == 0
    assert evidence
    assert all(passage["page"] in (1, 2, 3) for passage in evidence)


def test_the_way_passages_are_embedded_reaches_the_encoder_and_the_record(ask, monkeypatch):
    given = []
    monkeypatch.setattr(module, "_encoder", lambda encoding, progress: given.append(encoding))
    code, out, _ = ask(
        "--json", file="long.txt", route="retrieve", **{"embed-method": "embed=grouped:length=900", "passage-words": 50}
    )
    assert code == 0
    assert given == [Encoding(Grouped(900))]
    assert json.loads(out)["settings"]["embed_method"] == "embed=grouped:length=900"
    assert json.loads(out)["settings"]["passage_words"] == 50


@pytest.mark.parametrize(
    ("option", "text", "answer"),
    [
        ("embed-method", "embed=groupd", "did you mean 'grouped'"),
        ("embed-method", "kv=snapkv", "kv= belongs to --method"),
        ("method", "embed=grouped", "embed= belongs to --embed-method"),
    ],
)
def test_a_method_in_the_wrong_place_is_answered_before_anything_is_read(ask, option, text, answer):
    code, _, err = ask(**{option: text})
    assert code == 2
    assert answer in " ".join(err.split())
