import json
from zipfile import ZipFile

import pytest
from tests.evals.replay import replay, score

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longbench import SOURCES, TASKS

REPLAYED = "2wikimqa gov_report hotpotqa lcc multi_news multifieldqa_en musique narrativeqa passage_count "
REPLAYED += "passage_retrieval_en qasper qmsum repobench-p samsum trec triviaqa"
ROW = {
    "input": "Who?",
    "context": "Ann {input} came.",
    "answers": ["Ann"],
    "length": 3,
    "all_classes": None,
    "_id": "x1",
}


def predicted(pred, *answers, length=1, classes=None):
    return {"pred": pred, "answers": list(answers), "all_classes": classes, "length": length}


@pytest.mark.parametrize("name", REPLAYED.split())
def test_official_predictions_have_their_official_score(data, name):
    folder = data / "longbench" / "predictions_longalpaca"
    published = json.loads((folder / "result.json").read_text())
    assert replay(f"longbench/{name}", folder / f"{name}.jsonl") == published[name]


def test_scores_are_percents_of_the_official_rules():
    assert score("longbench/hotpotqa", [predicted("Ann", "Ann"), predicted("Ann Lee", "Ann")]) == 83.33
    trec = [predicted("Food\nx", "Food", classes=["Food"]), predicted("x\nFood", "Food", classes=["Food"])]
    assert score("longbench/trec", trec) == 50
    assert score("longbench/lcc", [predicted("\nx = 1", "x = 2")]) == 80


def test_extended_tasks_weigh_lengths_the_same():
    records = [predicted("Ann", "Ann", length=100)] * 3 + [predicted("Bob", "Ann", length=9000)]
    assert score("longbench_e/hotpotqa", records) == 50
    assert score("longbench/hotpotqa", records) == 75


def test_there_are_21_tasks_and_13_extended_ones():
    assert len(SOURCES) == 21
    assert sum(name.startswith("longbench_e/") for name in TASKS) == 13


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"pred": "a"},
        {"pred": None, "answers": ["a"]},
        {"pred": "a", "answers": []},
        {"pred": "a", "answers": "a"},
        {"pred": "a", "answers": ["a"], "all_classes": 3},
    ],
)
def test_what_is_no_record_is_refused(record):
    with pytest.raises((KeyError, TypeError, ValueError)):
        TASKS["longbench/trec"].read(record)


def test_extended_records_have_a_length():
    with pytest.raises(ValueError, match="length"):
        TASKS["longbench_e/trec"].read({"pred": "a", "answers": ["a"], "all_classes": None})


@pytest.mark.parametrize("place", ["hotpotqa.jsonl", "data/hotpotqa.jsonl", "data.zip"])
def test_samples_are_read_from_a_file_a_folder_or_the_hubs_archive(tmp_path, place):
    line = json.dumps(ROW) + "\n"
    (tmp_path / "data").mkdir()
    if place == "data.zip":
        with ZipFile(tmp_path / place, "w") as archive:
            archive.writestr("data/hotpotqa.jsonl", line)
    else:
        (tmp_path / place).write_text(line)
    (sample,) = TASKS["longbench/hotpotqa"].load(tmp_path)
    assert (sample.id, sample.context, sample.answers, sample.max_tokens) == ("x1", "Ann {input} came.", ("Ann",), 32)
    assert sample.after.endswith("Question: Who?\nAnswer:")
    assert sample.data["prompt"] == "longspan"
    assert sample.data["length"] == 3


def test_official_prompts_are_used_where_they_are(tmp_path):
    (tmp_path / "hotpotqa_e.jsonl").write_text(json.dumps(ROW))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/dataset2prompt.json").write_text(json.dumps({"hotpotqa": "Read {context} and tell: {input}!"}))
    (sample,) = TASKS["longbench_e/hotpotqa"].load(tmp_path)
    assert sample.prompt == "Read Ann {input} came. and tell: Who?!"
    assert sample.data["prompt"] == "official"
    (tmp_path / "config/dataset2prompt.json").write_text("{}")
    with pytest.raises(InputError, match="no prompt of hotpotqa"):
        list(TASKS["longbench_e/hotpotqa"].load(tmp_path))


@pytest.mark.parametrize("name", SOURCES)
def test_every_data_set_has_a_wording_of_ours(tmp_path, name):
    (tmp_path / f"{name}.jsonl").write_text(json.dumps(ROW))
    (sample,) = TASKS[f"longbench/{name}"].load(tmp_path)
    assert len(sample.before + sample.after) > 20
    assert ("Who?" in sample.after) == (name not in ("gov_report", "multi_news", "vcsum", "passage_count", "lcc"))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"hotpotqa\.jsonl"):
        list(TASKS["longbench/hotpotqa"].load(tmp_path))
    (tmp_path / "data.zip").write_text("no archive")
    with pytest.raises(InputError, match=r"data\.zip"):
        list(TASKS["longbench/hotpotqa"].load(tmp_path))
    (tmp_path / "hotpotqa.jsonl").write_text(json.dumps(ROW) + '\n{"input": "?"}')
    with pytest.raises(InputError, match="line 2: no field"):
        list(TASKS["longbench/hotpotqa"].load(tmp_path))
