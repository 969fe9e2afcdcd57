"""`longspan measure`, `compare`, `samples`, `tasks` and `score` as a person calls them."""

import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.models.tiny_model import saved

from longspan.cli.compare import split
from longspan.cli.main import main
from longspan.cli.measuring import read_lengths
from longspan.core.errors import InputError
from longspan.lm.server import Wire

TASK = "ruler/niah_single_1"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    where = tmp_path_factory.mktemp("small") / "tiny"
    return str(saved(where, num_hidden_layers=2, max_position_embeddings=1024))


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("longspan.lm.server.Wire", partial(Wire, pause=0.001))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def small(*words, out="run", lengths="500", samples="2"):
    return [
        *("--tasks", TASK, "--lengths", lengths, "--samples", samples),
        *("--device", "cpu", "--dtype", "float32", "--out", out, *words),
    ]


def test_a_run_leaves_a_report_pictures_rows_and_a_manifest_that_makes_it_again(call, model, tmp_path):
    code, out, err = call("measure", model, *small("--json"))
    assert code == 0, err
    result = json.loads(out)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.html", "rows.jsonl", "rows.parquet", "manifest.json", "score_by_length.png"} <= names
    assert result["all"][0]["n"] == 2
    assert result["costs"][0]["kv_bytes"] > 0
    code, out, err = call("measure", "--manifest", "run/manifest.json", "--out", "again")
    assert code == 0, err
    assert "the same to the byte" in out
    assert (tmp_path / "run/predictions.jsonl").read_bytes() == (tmp_path / "again/predictions.jsonl").read_bytes()


def test_a_run_that_comes_out_otherwise_is_told_and_fails(call, model, tmp_path):
    call("measure", model, *small())
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps({**manifest, "outcome_sha256": "0" * 64}))
    code, out, _ = call("measure", "--manifest", "other.json", "--out", "again")
    assert code == 1
    assert "NOT the same" in out


def test_a_finished_run_is_resumed_without_asking_again(call, model):
    assert call("measure", model, *small())[0] == 0
    code, _, err = call("measure", model, *small())
    assert code == 2
    assert "add --resume" in err
    code, out, err = call("measure", model, *small("--resume"))
    assert code == 0
    assert "2 samples are finished already" in err
    assert TASK in out


def test_methods_are_compared_on_the_same_samples(call, model):
    code, out, err = call("compare", model, "--methods", "plain; kv=streaming_llm:budget=128", *small("--json"))
    assert code == 0, err
    plain, streaming = json.loads(out)["standings"]
    assert (plain["method"], streaming["method"]) == ("", "kv=streaming_llm:budget=128")
    assert streaming["kv_bytes"] < plain["kv_bytes"]
    assert plain["n"] == streaming["n"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "ruler/nia_single_1"], "did you mean 'ruler/niah_single_1'"),
        (["--lengths", "4k"], "4,096 tokens are more than the window of 1,024"),
        (["--lengths", "much"], "--lengths"),
        (["--method", "kv=snapvk"], "did you mean 'snapkv'"),
        (["--max-cost", "1"], "--max-cost needs --prices"),
        (["--haystack", "nowhere.txt"], "nowhere.txt"),
        (["--manifest", "nowhere.json"], "cannot read the manifest nowhere.json"),
    ],
)
def test_bad_input_is_answered_with_what_to_do(call, model, words, said):
    code, out, err = call("measure", model, *small(), *words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err + out


def test_methods_may_be_named_alone():
    assert split(("plain,snapkv,streaming_llm",)) == ["", "kv=snapkv", "kv=streaming_llm"]
    assert split(("plain; kv=snapkv:budget=5,window=2", "rope=yarn:factor=2")) == [
        "",
        "kv=snapkv:budget=5,window=2",
        "rope=yarn:factor=2",
    ]
    with pytest.raises(InputError, match="two different methods"):
        split(("snapkv,snapkv",))


def test_lengths_rise_and_are_read_as_people_write_them():
    assert read_lengths("4k, 1k,1024,500") == (500, 1024, 4096)


class Finder(BaseHTTPRequestHandler):
    """Serves a model that finds the needle, and counts tokens as vLLM does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._send(200, {"data": [{"id": "finder", "max_model_len": 4096}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][0]["content"]
        tokens = len(text.split())
        if self.path == "/tokenize":
            self._send(200, {"count": tokens})
            return
        self.server.asked.append((self.headers.get("authorization"), text))
        status, answer = self.server.reply(len(self.server.asked), text)
        usage = {"prompt_tokens": tokens, "completion_tokens": 2}
        choice = {"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        self._send(status, {"choices": [choice], "usage": usage} if status == 200 else {"error": {"message": answer}})

    def log_message(self, *args):
        pass

    def _send(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def find(text):
    (value,) = (words.split(" is ")[1].split(".")[0] for words in text.split("The secret ")[1:2])
    return value


@contextmanager
def served(reply):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Finder)
    server.asked, server.reply = [], reply
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/v1#finder"
    finally:
        server.shutdown()
        server.server_close()


def test_a_model_behind_a_server_is_measured_and_paid_for(call, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    (tmp_path / "prices.json").write_text('{"finder": {"input": 1000, "output": 1000}}')
    with served(lambda n, text: (200, find(text))) as (server, url):
        code, out, err = call("measure", url, *small("--prices", "prices.json", "--json"))
    assert code == 0, err
    result = json.loads(out)
    assert result["all"][0]["score"] == 1
    assert result["money"] == pytest.approx(sum(len(text.split()) + 2 for _, text in server.asked) / 1000)
    assert {key for key, _ in server.asked} == {"Bearer sesame"}


def test_no_more_is_spent_than_allowed_and_the_finished_rows_are_kept(call, tmp_path):
    (tmp_path / "prices.json").write_text('{"finder": {"input": 1000, "output": 0}}')
    limit = ["--prices", "prices.json", "--parallel", "1"]
    with served(lambda n, text: (200, find(text))) as (server, url):
        code, _, err = call("measure", url, *small(*limit, "--max-cost", "0.5"))
        assert code == 2
        assert "--max-cost" in err
        assert len(server.asked) == 1
        code, _, err = call("measure", url, *small(*limit, "--max-cost", "5", "--resume"))
        assert code == 0, err
        assert len(server.asked) == 2


def test_a_busy_server_is_tried_again(call):
    with served(lambda n, text: (200, find(text)) if n > 2 else (429, "slow down")) as (_, url):
        code, out, err = call("measure", url, *small("--json"))
    assert code == 0, err
    assert json.loads(out)["all"][0]["score"] == 1


def test_a_wrong_key_ends_the_run_with_what_to_do(call):
    with served(lambda n, text: (401, "bad key")) as (_, url):
        code, _, err = call("measure", url, *small())
    assert code == 2
    assert "OPENAI_API_KEY" in err


def test_a_server_that_is_down_is_named(call):
    code, _, err = call("measure", "http://127.0.0.1:9/v1#finder", *small())
    assert code == 2
    assert "127.0.0.1:9" in err


def test_tasks_are_listed_and_explained(call):
    code, out, _ = call("tasks", "--json")
    listed = {task["name"]: task for task in json.loads(out)}
    assert code == 0
    assert listed[TASK]["rule"] == "ruler.string_match_all"
    assert {"ability", "scope", "diffusion", "licence", "source"} <= set(listed[TASK])
    _, out, _ = call("tasks", TASK)
    assert "arxiv.org/abs/2404.06654" in out
    assert call("tasks", "ruler/nothing")[0] == 2


def test_samples_are_shown_with_their_evidence_and_reference(call, model):
    code, out, err = call("samples", TASK, "--length", "500", "-n", "2", "--model", model)
    assert code == 0, err
    assert out.count("[reference]") == 2
    assert "[evidence, characters" in out
