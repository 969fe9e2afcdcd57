import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.failsafeqa import FILE, TASKS, VARIANTS

ROW = {
    "idx": 4,
    "tokens": 9,
    "context": "Revenue was 7.",
    "ocr_context": "Revenve wos 7.",
    "answer": "7",
    "query": "What was revenue?",
    "incomplete_query": "revenue?",
    "out-of-domain_query": "How much came in?",
    "error_query": "Waht was revnue?",
    "out-of-scope_query": "Who is the auditor?",
    "citations": "",
    "citations_tokens": 0,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / FILE).write_text(json.dumps(ROW) + "\n")
    return tmp_path


def test_every_item_is_asked_in_seven_ways(folder):
    samples = {sample.data["variant"]: sample for sample in TASKS["failsafeqa/llmc"].load(folder)}
    assert tuple(samples) == VARIANTS
    assert "Question: Waht was revnue?" in samples["error_query"].after
    assert (samples["ocr_context"].context, samples["query"].context) == ("Revenve wos 7.", "Revenue was 7.")
    assert "Question: What was revenue?" in samples["ocr_context"].after
    assert (samples["missing_context"].context, samples["missing_context"].answers) == ("", ())
    assert "Question: Who is the auditor?" in samples["out-of-scope_query"].after
    assert {sample.group for sample in samples.values()} == {"4"}
    assert len({sample.id for sample in samples.values()}) == 7


def test_predictions_bear_the_judges_rating():
    task = TASKS["failsafeqa/robustness"]
    record = {"idx": 4, "variant": "error_query", "prediction": "7", "rating": 5}
    assert task.rule.grade(*task.read(record)) == 1
    with pytest.raises(ValueError, match="missing_context"):
        task.read({**record, "variant": "missing_context"})
    with pytest.raises(KeyError):
        task.read({"idx": 4, "variant": "error_query", "prediction": "7"})


def test_missing_fields_are_named(folder):
    (folder / FILE).write_text('{"idx": 1}')
    with pytest.raises(InputError, match="line 1: no field 'query'"):
        list(TASKS["failsafeqa/baseline"].load(folder))
