"""HELMET's files and prediction records."""

import json
from pathlib import Path
from typing import Any

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.helmet import TASKS
from longspan.evals.task import Sample


def loaded(folder: Path, task: str, file: str, *rows: dict[str, Any]) -> list[Sample]:
    path = folder / "data" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows) if path.suffix == ".json" else "\n".join(json.dumps(row) for row in rows))
    return list(TASKS[f"helmet/{task}"].load(folder))


def test_keys_and_values_come_with_two_worked_examples(tmp_path: Path) -> None:
    row = {"context": '{"k": "v-1"}', "question": "k", "answer": "v-1", "demos": [["a", "b"], ["c", "d"], ["e", "f"]]}
    (sample,) = loaded(tmp_path, "json_kv", "json_kv/test_k50_dep6.jsonl", row)
    assert sample.context == '{"k": "v-1"}'
    assert sample.after.endswith(
        "Key: a\nCorresponding value: b\n\nKey: c\nCorresponding value: d\n\nKey: k\nCorresponding value:"
    )
    assert sample.answers == ("v-1",)
    assert TASKS["helmet/json_kv"].rule.grade("v-1", sample) == 1


def test_passages_are_the_context_and_well_known_subjects_are_left_out(tmp_path: Path) -> None:
    passages = [{"title": "Rome", "text": "Rome is old."}]
    row = {"id": "q1", "question": "How old?", "answers": ["old", "very"], "ctxs": passages, "s_pop": 999}
    file = "kilt/popqa_test_1000_k50_dep6.jsonl"
    (sample,) = loaded(tmp_path, "kilt_popqa_3", file, row, row | {"s_pop": 1000})
    assert sample.context == "Document (Title: Rome): Rome is old."
    assert (sample.answers, sample.group) == (("old", "very"), "q1")


def test_files_of_worked_examples_are_no_samples(tmp_path: Path) -> None:
    row = {"question": "?", "answers": ["x"], "ctxs": [], "s_pop": 1}
    with pytest.raises(InputError, match="no kilt/popqa_test"):
        loaded(tmp_path, "kilt_popqa_3", "kilt/popqa_test_1000_k3_dep6.jsonl", row)


def test_rankings_are_scored_by_the_labels_of_the_passages(tmp_path: Path) -> None:
    passages = [{"id": "7", "text": "a", "label": 0}, {"id": "8", "text": "b", "label": 3}]
    (sample,) = loaded(
        tmp_path, "msmarco_rerank", "msmarco/test_reranking_data_k50_dep3.jsonl",
        {"qid": "1", "query": "what?", "ctxs": passages},
    )  # fmt: skip
    grade = TASKS["helmet/msmarco_rerank"].rule.grade
    assert grade("ID8 > ID7", sample) == 1
    assert grade("ID7 > ID8", sample) == pytest.approx(0.63093)
    assert sample.answers == ("8",)


def test_needles_and_sources_are_read(tmp_path: Path) -> None:
    needle = {"context": "text", "query": "k", "type_needle_v": "numbers", "outputs": ["1", "2"]}
    (sample,) = loaded(tmp_path, "ruler_niah_mv", "ruler/niah_multivalue/validation_8192.jsonl", needle)
    assert TASKS["helmet/ruler_niah_mv"].rule.grade("1", sample) == 0.5
    row = {"question": "?", "docs": [{"title": "t", "text": "x"}], "qa_pairs": [{"short_answers": ["x", "y"]}]}
    (sample,) = loaded(tmp_path, "alce_asqa", "alce/asqa_eval_gtr_top2000.json", row)
    assert sample.context == "Document [1](Title: t): x"
    assert TASKS["helmet/alce_asqa"].rule.grade("It is Y [1].", sample) == 1


@pytest.mark.parametrize(
    ("task", "record", "score"),
    [
        ("json_kv", {"output": "Corresponding value: v-1", "answer": "v-1"}, 1),
        ("kilt_nq", {"output": "the Old Rome", "answer": [["rome"], ["x"]]}, 1),
        ("icl_nlu", {"output": "label: 12\nlabel: 3", "answer": "12"}, 1),
        ("icl_trec_fine", {"output": "12 or 13", "answer": "12"}, 0),
        ("ruler_niah_mk_2", {"output": "none", "answer": ["1"]}, 0),
        ("msmarco_rerank", {"output": "Ranking: 2 > 1", "qid": "1", "qrel": [["1", "0"], ["2", "2"]]}, 1),
        ("alce_qampari", {"output": "Ann, Bob", "answers": [["Ann"], ["Cid"]], "answer": "Ann, Cid"}, 0.5),
        ("kilt_nq", {"output": None, "answer": ["x"]}, 0),
    ],
)
def test_records_of_results_files_are_scored(task: str, record: dict[str, Any], score: float) -> None:
    published = TASKS[f"helmet/{task}"]
    reply, sample = published.read(record)
    assert published.rule.grade(reply, sample) == score


def test_records_without_references_are_refused() -> None:
    for task in ("json_kv", "msmarco_rerank", "alce_asqa"):
        with pytest.raises(KeyError):
            TASKS[f"helmet/{task}"].read({"output": "x"})


def test_tasks_without_files_and_broken_rows_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="examples from the hub"):
        next(TASKS["helmet/icl_nlu"].load(tmp_path))
    with pytest.raises(InputError, match=r"test_k50_dep6.jsonl, sample 1: no sample"):
        loaded(tmp_path, "json_kv", "json_kv/test_k50_dep6.jsonl", {"context": "x"})
