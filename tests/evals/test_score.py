"""Scores with what a benchmark reports beside them."""

import json

import pytest

from longspan.evals.catalog import everything, published
from longspan.evals.score import score_file

JUDGED = {
    *(f"detectiveqa/{language}_steps" for language in ("en", "zh")),
    *(f"failsafeqa/{name}" for name in ("baseline", "grounding", "llmc", "robustness")),
    *(f"longsafety{name}" for name in ("", "_ours", "_front", "_end")),
    *(f"longfact/{kind}_{k}" for kind in ("concepts", "objects") for k in (64, 178)),
    *(f"loogle/{kind}_judged" for kind in ("shortdep_qa", "longdep_qa", "longdep_summarization")),
}
CITED = "2wikimultihopqa dialsim gov_report hotpotqa locomo multi_news narrativeqa natural_questions qmsum"
JUDGED |= {f"l_citeeval/{name}_citation_{of}" for name in CITED.split() for of in ("f1", "precision", "recall")}


def scored(tmp_path, name, records):
    path = tmp_path / "predictions.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    return score_file(name, published()[name], path)


def test_longbench_e_is_broken_down_by_length(tmp_path):
    records = [
        {"pred": pred, "answers": ["Paris"], "all_classes": None, "length": length}
        for pred, length in (("Paris", 3999), ("London", 3000), ("Paris", 4000), ("London", 8000), ("London", 9000))
    ]
    score = scored(tmp_path, "longbench_e/hotpotqa", records)
    assert score.parts == {"0-4k": 50, "4-8k": 100, "8k+": 0}
    assert score.score == 50
    assert scored(tmp_path, "longbench/hotpotqa", records).parts == {}


def test_longbench_v2_has_the_columns_of_its_table(tmp_path):
    records = [
        {"_id": "1", "response": "The correct answer is (A)", "answer": "A", "difficulty": "easy", "length": "short"},
        {"_id": "2", "response": "I cannot say", "answer": "B", "difficulty": "hard", "length": "long"},
    ]
    assert scored(tmp_path, "longbench_v2", records).parts == {
        "Overall": 50,
        "Easy": 100,
        "Hard": 0,
        "Short": 100,
        "Long": 0,
    }
    assert scored(tmp_path, "longbench_v2_compensated", records).parts["Hard"] == 25


def test_topic_retrieval_is_broken_down_by_the_topic_asked_for(tmp_path):
    records = [
        {"query": "which?", "gt": "jazz", "evaluation": "exam", "m_pred": reply} for reply in ("jazz", "jazz", "", "")
    ]
    score = scored(tmp_path, "l-eval/topic_retrieval_longchat", records)
    assert score.parts == {"first": 50, "second": 100, "third": 0}
    assert score.score == 50


def test_only_distances_are_better_when_lower():
    low = {name for name, task in everything().items() if task.rule.lower}
    assert low == {f"loogle/timeline_reorder_{name}" for name in ("lsd", "lmd", "sd", "sdd")}


def test_every_task_that_needs_a_verdict_says_so():
    marked = {name for name, task in everything().items() if task.card.judged}
    assert {name for name in marked if not name.startswith("hellobench/")} == JUDGED
    assert all(task.card.judged for name, task in everything().items() if name.startswith("hellobench/"))


@pytest.mark.parametrize("name", ["loogle/timeline_reorder_lsd", "longbench/hotpotqa"])
def test_a_score_says_whether_lower_is_better(tmp_path, name):
    timeline = {"llm_output": ["II,I"], "output": ["I,II"], "qa_pairs": []}
    records = [timeline] if "loogle" in name else [{"pred": "a", "answers": ["b"], "all_classes": None}]
    assert scored(tmp_path, name, records).lower == ("loogle" in name)
