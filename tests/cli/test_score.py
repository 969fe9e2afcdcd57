"""`longspan score` as a person calls it."""

import json

import pytest

from longspan.cli.main import main

KV = "infinitebench/kv_retrieval"
KEYS = ["6ab6ea3e", "7c1f0d52", "0b8e4471", "e95d2c18"]


@pytest.fixture
def call(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def predictions(tmp_path):
    """Four replies, the last one wrong."""
    replies = [KEYS[0], f'The value is "{KEYS[1]}".', KEYS[2], KEYS[0]]
    pairs = zip(replies, KEYS, strict=True)
    rows = [{"id": n, "prediction": reply, "ground_truth": key} for n, (reply, key) in enumerate(pairs)]
    path = tmp_path / "preds.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def test_predictions_are_scored_by_the_official_rule(call, predictions):
    code, out, err = call("score", KV, "--predictions", predictions, "--json")
    assert code == 0, err
    result = json.loads(out)
    interval = result.pop("interval")
    assert result == {
        "task": KV,
        "score": 75,
        "n": 4,
        "rule": "infinitebench.word",
        "origin": "OpenBMB/InfiniteBench 88b3daa",
        "scale": 100,
        "few": True,
        "lower": False,
        "parts": {},
    }
    assert interval == pytest.approx({"low": 30.06, "high": 95.44}, abs=0.01)  # Wilson's for 3 of 4


def test_a_person_is_told_that_four_samples_are_few(call, predictions):
    code, out, _ = call("score", KV, "--predictions", predictions)
    assert code == 0
    assert f"{KV}: 75.00 of 100, n 4 (fewer than 10 samples" in out
    assert "30.06 to 95.44" in out
    assert "rule infinitebench.word, from OpenBMB/InfiniteBench" in out


def test_parts_have_a_line_each(call, tmp_path):
    path = tmp_path / "preds.jsonl"
    rows = [{"pred": "Paris", "answers": ["Paris"], "all_classes": None, "length": n} for n in (1, 5000)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, out, err = call("score", "longbench_e/hotpotqa", "--predictions", path)
    assert code == 0, err
    assert "\n  0-4k: 100.00\n  4-8k: 100.00\n" in out


def test_a_distance_is_not_said_to_be_of_a_full_score(call, tmp_path):
    path = tmp_path / "preds.jsonl"
    path.write_text(json.dumps({"llm_output": ["II,I"], "output": ["I,II"], "qa_pairs": []}), encoding="utf-8")
    code, out, err = call("score", "loogle/timeline_reorder_lsd", "--predictions", path)
    assert code == 0, err
    assert "1.00, lower is better, n 1" in out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"prediction": "7c1f0d52", "ground_truth": ', "line 3: not JSON"),
        ('["7c1f0d52"]', "line 3: a JSON object is wanted, not list"),
        ('{"id": 2, "ground_truth": "0b8e4471"}', f"line 3: not a prediction of {KV}"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(call, predictions, line, reason):
    lines = predictions.read_text(encoding="utf-8").splitlines()
    lines[2] = line
    predictions.write_text("\n".join(lines), encoding="utf-8")
    code, out, err = call("score", KV, "--predictions", predictions, "--json")
    assert (code, out) == (2, "")
    assert reason in err
    assert "Traceback" not in err


def test_an_unknown_task_is_answered_with_the_nearest(call, predictions):
    code, _, err = call("score", "infinitebench/kv_retreival", "--predictions", predictions)
    assert code == 2
    assert f"did you mean '{KV}'" in err


def test_generated_tasks_have_no_predictions_of_elsewhere(call, predictions):
    code, _, err = call("score", "ruler/niah_single_1", "--predictions", predictions)
    assert code == 2
    assert "no benchmark task 'ruler/niah_single_1'" in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no predictions"),
        (b"\n \n", "holds no predictions"),
        (b'{"prediction": "caf\xe9", "ground_truth": "a"}', "is not text in UTF-8"),
    ],
)
def test_a_file_without_readable_predictions_is_named(call, tmp_path, content, reason):
    path = tmp_path / "preds.jsonl"
    path.write_bytes(content)
    code, _, err = call("score", KV, "--predictions", path)
    assert code == 2
    assert "preds.jsonl" in err
    assert reason in err


def test_a_missing_file_is_named(call, tmp_path):
    code, _, err = call("score", KV, "--predictions", tmp_path / "nothing.jsonl")
    assert code == 2
    assert "nothing.jsonl" in err


def test_the_official_predictions_have_their_official_score(call, data):
    path = data / "infinitebench" / "predictions" / "gpt4" / "preds_kv_retrieval.jsonl"
    code, out, err = call("score", KV, "--predictions", path, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert (result["score"], result["n"], result["few"]) == (89, 500, False)
    assert result["interval"]["low"] < 89 < result["interval"]["high"]
