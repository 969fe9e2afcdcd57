"""`longspan cache` reads once; `longspan ask` finds that, proves it and starts at the question; nothing breaks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from tests.models.tiny_model import saved

from longspan.archive import Archive
from longspan.archive.cache import Cache
from longspan.cli import ask as ask_module
from longspan.cli.main import main
from longspan.kv.reuse import file
from longspan.models.method import Method
from longspan.models.model import Model

SETTINGS = {"num_hidden_layers": 2, "max_position_embeddings": 1024}
HERE = ["--device", "cpu", "--dtype", "float32"]
SOURCE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(saved(tmp_path_factory.mktemp("small") / "tiny", **SETTINGS))


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ask_module, "_encoder", lambda encoding, progress: None)
    (tmp_path / "a.txt").write_text(topics["continue"].strip())
    (tmp_path / "b.txt").write_text(topics["break"].strip())
    (tmp_path / "long.txt").write_text(topics["function"] + topics["class"])
    return tmp_path


@pytest.fixture
def run(capsys):
    def call(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def add(run, at_home, model):
    """A reading, as --json tells of it."""

    def call(*names, dtype="float32"):
        files = [at_home / name for name in names or ("a.txt",)]
        code, out, err = run("cache", "add", *files, "-m", model, "--device", "cpu", "--dtype", dtype, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture
def ask(run, at_home, model):
    def call(*names, question="What does yield do?", options=()):
        files = [at_home / name for name in names or ("a.txt",)]
        code, out, err = run("ask", *files, question, "-m", model, *HERE, "--max-tokens", "8", "--json", *options)
        assert code == 0, err
        return json.loads(out), err

    return call


def test_what_was_added_is_taken_by_every_question_and_the_answer_is_the_same(add, ask):
    questions = ["What does yield do?", "Why?", "\n odd   spaces\n?", "東京"]
    fresh = [ask(question=question)[0] for question in questions]
    made = add()
    for question, before in zip(questions, fresh, strict=True):
        after, err = ask(question=question)
        assert before["tokens"]["cached"] == 0
        assert after["tokens"]["cached"] == made["tokens"] > 0.9 * before["tokens"]["documents"]
        assert after["tokens"] == before["tokens"] | {"cached": made["tokens"]}
        assert after["answer"] == before["answer"]
        assert [one["text"] for one in after["evidence"]] == [one["text"] for one in before["evidence"]]
        assert after["route"] == "full"
        assert "were read before and are stored" in err


def test_files_may_move_and_are_known_by_what_they_say(add, ask, at_home, monkeypatch):
    made = add()
    (at_home / "elsewhere").mkdir()
    (at_home / "a.txt").rename(at_home / "elsewhere" / "a.txt")
    assert ask("elsewhere/a.txt")[0]["tokens"]["cached"] == made["tokens"]
    (at_home / "elsewhere" / "a.txt").write_text("Something else stands here now.")
    assert ask("elsewhere/a.txt")[0]["tokens"]["cached"] == 0


def test_the_first_of_several_files_is_not_read_again(add, ask, run):
    one, both = add("a.txt"), add("a.txt", "b.txt")
    assert both["files"] == ["a.txt", "b.txt"]
    assert ask("a.txt", "b.txt")[0]["tokens"]["cached"] == both["tokens"] > one["tokens"]
    assert run("cache", "rm", both["key"][:12])[0] == 0
    assert ask("a.txt", "b.txt")[0]["tokens"]["cached"] == one["tokens"]
    assert ask("b.txt", "a.txt")[0]["tokens"]["cached"] == 0


def test_what_is_stored_is_read_whole_where_the_rule_would_have_retrieved(add, ask, monkeypatch):
    monkeypatch.setattr("longspan.cli.ask._model", _knows_little(ask_module._model))
    assert ask()[0]["route"] == "retrieve"
    add()
    assert ask()[0]["route"] == "full"
    assert ask(options=["--route", "retrieve"])[0]["route"] == "retrieve"


def _knows_little(load):
    return lambda *words: (load(*words)[0], 100)


@pytest.mark.parametrize("route", ["auto", "stream"])
def test_a_text_beyond_the_window_is_streamed_once(add, ask, run, model, route):
    fresh, _ = ask("long.txt", options=("--route", "stream"))
    made = add("long.txt")
    assert Method.parse(made["method"]) == Method.parse(fresh["method"])
    assert made["tokens"] > 3 * SETTINGS["max_position_embeddings"]
    again, said = ask("long.txt", options=("--route", route))
    assert (again["plan"]["chosen"], again["tokens"]["cached"]) == ("stream", made["tokens"])
    assert f"{made['tokens']:,} of its tokens were read before" in said or route == "stream"
    assert again["answer"] == fresh["answer"]
    before, after = (
        next(each for each in answer["plan"]["routes"] if each["name"] == "stream")["seconds"]
        for answer in (fresh, again)
    )
    assert after < before / 5
    assert ask("long.txt", options=("--route", "retrieve"))[0]["tokens"]["cached"] == 0
    assert "proved: every logit is equal" in run("cache", "verify", "-m", model, "--device", "cpu")[1]


def test_a_method_that_retrieves_is_stored_too(add, ask, at_home, run, model):
    method = ("--method", "kv=quest:budget=64,dense_layers=0")
    fresh, _ = ask(options=method)
    assert run("cache", "add", at_home / "a.txt", "-m", model, *HERE, *method)[0] == 0
    again, _ = ask(options=method)
    assert again["tokens"]["cached"] > 100
    assert again["answer"] == fresh["answer"]


def test_what_is_stored_for_another_precision_is_said(add, ask):
    add(dtype="bfloat16")
    found, err = ask()
    assert found["tokens"]["cached"] == 0
    assert "these documents are stored in bfloat16, not in float32: they are read again" in err


def test_a_damaged_file_is_said_and_the_question_answered_all_the_same(add, ask, run):
    before = ask()[0]["answer"]
    path = Path(add()["path"])
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    found, err = ask()
    assert (found["answer"], found["tokens"]["cached"]) == (before, 0)
    assert "was damaged or changed after it was made" in err
    path.write_bytes(path.read_bytes()[:-1])
    found, err = ask()
    assert (found["answer"], found["tokens"]["cached"]) == (before, 0)
    assert "1 stored reading cannot be used: `longspan cache verify` says why" in err
    code, out, _ = run("cache", "ls")
    assert code == 0
    assert "cannot be used" in out


def test_readings_are_listed_proved_given_out_taken_in_and_removed(add, run, at_home, model, monkeypatch):
    made = add()
    assert json.loads(run("cache", "ls", "--json")[1]) == [{name: made[name] for name in made if name != "new"}]
    code, out, _ = run("cache", "ls")
    assert [word in out for word in (made["key"][:12], "a.txt", f"{made['tokens']:,}", "tiny", "plain")] == [True] * 5
    code, out, err = run("cache", "verify")
    assert code == 2
    assert "is not here: name it with --model" in out
    assert "1 of 1 stored readings are not proved; nothing was removed" in err
    code, out, _ = run("cache", "verify", made["key"][:8], "--model", model, "--device", "cpu")
    assert (code, out) == (0, f"{made['key'][:12]}  proved: every logit is equal\n")
    copy = at_home / "copy.safetensors"
    assert run("cache", "export", made["key"][:8], copy)[0] == 0
    monkeypatch.setenv("LONGSPAN_HOME", str(at_home / "there"))
    code, out, _ = run("cache", "import", copy)
    assert (code, "read by tiny in float32" in out) == (0, True)
    assert run("cache", "verify", "-m", model, "--device", "cpu")[0] == 0
    assert run("cache", "rm", "--limit", "1")[1] == ""
    assert run("cache", "rm", "--limit", "0")[1] == f"{made['key'][:12]}  removed\n"
    assert "Nothing is kept yet" in run("cache", "ls")[1]
    assert list((at_home / "there" / "cache").rglob("*.*")) == []


def test_adding_twice_reads_once(add, run, at_home, model):
    first, again = add(), add()
    assert (first["new"], again["new"]) == (True, False)
    assert {**first, "new": False} == again
    code, out, _ = run("cache", "add", at_home / "a.txt", "-m", model, *HERE)
    assert (code, "stored before" in out) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "none.txt"], "none.txt"),
        (["add", "a.txt", "-m", "nomodel"], "no model 'nomodel'"),
        (["add", "a.txt", "--method", "kv=nothing"], "unknown kv method 'nothing'"),
        (["add", "a.txt", "--dtype", "int3"], "no precision named 'int3'"),
        (["add", "long.txt", "--method", "kv=kivi"], "the window of tiny holds 1,024 with the question: leave --"),
        (["rm", "--all", "--limit", "3"], "say what to remove"),
        (["rm"], "say what to remove"),
        (["rm", "abcd"], "no key begins with 'abcd'"),
        (["verify", "ab"], "give 4 characters"),
        (["export", "abcd", "x"], "no key begins with 'abcd'"),
        (["import", "none.safetensors"], "is no file"),
        (["import", "a.txt"], "is no whole file of stored tokens"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line_and_exit_code_2(run, at_home, model, words, said, monkeypatch):
    monkeypatch.chdir(at_home)
    named = ["-m", model] if words[0] == "add" and "-m" not in words else []
    code, out, err = run("cache", *words, *named)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert said in err.strip().splitlines()[-1]


def test_ctrl_c_while_adding_leaves_nothing(run, at_home, model, monkeypatch):
    gathered, calls = file._gathered, []

    def stop(name, part):
        calls.append(name)
        if calls.count("pos") == 2:
            raise KeyboardInterrupt
        return gathered(name, part)

    with monkeypatch.context() as patch:
        patch.setattr(file, "_gathered", stop)
        assert run("cache", "add", at_home / "a.txt", "-m", model, *HERE)[0] == 130
    assert list((at_home / "home" / "partial").iterdir()) == []
    assert json.loads(run("cache", "ls", "--json")[1]) == []
    assert [each["status"] for each in json.loads(run("runs", "--json")[1])] == ["stopped"]


WORKER = """
import os, random, signal, sys, time
import torch
torch.set_num_threads(1)
import longspan.archive.cache, longspan.cli.recording, longspan.documents, longspan.models.model, longspan.plan.shape
import longspan.workflows.prompt
from longspan.cli.main import main

def start(name):
    child = os.fork()
    if child == 0:
        os._exit(main(["cache", "add", name, "-m", sys.argv[1], "--device", "cpu", "--dtype", "float32"]))
    return child

began = time.perf_counter()
assert os.waitpid(start("0.txt"), 0)[1] == 0
took = time.perf_counter() - began
draw = random.Random(0)
for number in range(1, 21):
    child = start(f"{number}.txt")
    time.sleep(draw.uniform(0.2, 1.0) * took)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
children = [start(name) for name in ("same.txt", "same.txt", "other.txt")]
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_twenty_times_and_used_by_two_at_once_nothing_is_corrupt_and_nothing_is_left(at_home, model):
    names = [*map(str, range(21)), "same", "other"]
    for name in names:
        (at_home / f"{name}.txt").write_text(f"This is text {name}. " + topics["continue"].strip())
    environment = {**os.environ, "PYTHONPATH": str(SOURCE / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WORKER, model], cwd=at_home, env=environment, capture_output=True, timeout=240
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    cache, loaded = Cache(Archive()), Model.load(Path(model), device="cpu", dtype="float32")
    good, bad = cache.readings()
    files = sorted(cached.files[0] for cached in good)
    assert {"0.txt", "same.txt", "other.txt"} <= {*files} <= {f"{name}.txt" for name in names}
    assert (len(files), bad) == (len({*files}), {})
    assert all(cache.verify(cached.key, loaded) == 0 for cached in good)
    assert list((at_home / "home" / "partial").iterdir()) == []
    assert len(list((at_home / "home" / "cache").rglob("*.safetensors"))) == len(files)
