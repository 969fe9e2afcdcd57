import json

import pytest

from longspan.evals.benchmarks.cnnsum import TASKS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    row = {"context": "\u5c0f\u8239\u3002", "summary": "\u8239\u6765\u4e86\u3002"}
    (tmp_path / "data" / "cnnsum_L_16k.jsonl").write_text(json.dumps(row))
    return tmp_path


def test_excerpts_are_asked_with_every_official_prompt(folder):
    (sample,) = TASKS["cnnsum/16k"].load(folder)
    assert (sample.context, sample.data["prompt"], sample.max_tokens) == ("\u5c0f\u8239\u3002", "longspan", 400)
    (folder / "prompts.json").write_text(json.dumps({"IE": "one {} two", "IB": "three {} four"}))
    first, second = TASKS["cnnsum/16k"].load(folder)
    assert (first.before, first.after, second.before) == ("one ", " two", "three ")
    assert first.group == second.group
    assert (first.data["prompt"], first.data["template"]) == ("official", "IE")


def test_words_are_told_apart_and_compared_by_rouge():
    """He, come to, Beijing: of these three words two are in he, leave, past, Beijing."""
    task = TASKS["cnnsum/16k"]
    reply = {"prediction": "\u4ed6\u6765\u5230\u5317\u4eac", "summary": "\u4ed6\u79bb\u5f00\u4e86\u5317\u4eac"}
    precision, recall = 2 / 3, 2 / 4
    expected = 2 * precision * recall / (precision + recall)
    assert task.rule.grade(*task.read(reply)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("prediction", ["", "...."])
def test_replies_of_dots_score_0(prediction):
    task = TASKS["cnnsum/128k"]
    assert task.rule.grade(*task.read({"prediction": prediction, "summary": "\u8239"})) == 0
