import json

import pytest
from tests.evals.replay import replay, score

from longspan.core.errors import InputError
from longspan.evals.benchmarks.l_eval import SOURCES, TASKS

EXAM = "codeU coursera gsm100 quality topic_retrieval_longchat tpo"
TEXT = "financial_qa legal_contract_qa multidoc_qa narrative_qa natural_question scientific_qa gov_report_summ "
TEXT += "meeting_summ news_summ paper_assistant patent_summ review_summ tv_show_summ"
SCORES = {
    ("exam_eval", "Claude-100k"): (EXAM, "17.78 60.03 88 73.76 70.67 84.01"),
    ("exam_eval", "gpt4-32k"): (EXAM, "25.56 75.58 96 82.18 95.33 84.39"),
    ("exam_eval", "turbo-16k-0613"): (EXAM, "12.22 63.52 84 61.39 79.33 78.44"),
    ("ngram_eval", "turbo-16k-0613"): (
        TEXT,
        "45.37 24.87 31.45 18.20 45.90 28.25 25.67 16.15 16.64 20.03 30.12 15.91 14.24",
    ),
    ("ngram_eval", "vicuna-13b-16k"): (
        TEXT,
        "45.58 18.17 15.89 14.03 37.14 23.41 27.03 14.97 14.92 17.91 31.15 14.82 12.07",
    ),
}
CELLS = [
    (kind, model, name, float(value))
    for (kind, model), (names, row) in SCORES.items()
    for name, value in zip(names.split(), row.split(), strict=True)
]
CLOSED = {"coursera": 172, "quality": 202, "tpo": 269, "gsm100": 100, "sci_fi": 64, "topic_retrieval_longchat": 150}


def predicted(prediction, answer, evaluation="exam"):
    return {"query": "?", "gt": answer, "prompt": "...", "some-model_pred": prediction, "evaluation": evaluation}


@pytest.mark.parametrize(("kind", "model", "name", "value"), CELLS)
def test_official_predictions_have_their_official_score(data, kind, model, name, value):
    path = data / "l-eval" / "predictions" / kind / model / f"{name}.pred.jsonl"
    assert replay(f"l-eval/{name}", path) == value


def test_topics_are_scored_by_their_position():
    records = [predicted("art", topic) for topic in ("Art", "Sea", "Sea", "art")]
    assert score("l-eval/topic_retrieval_longchat", records) == 33.33


def test_the_score_of_summaries_is_of_means():
    records = [predicted("a b c d", "a b c d", "rouge"), predicted("d a", "a b c d", "rouge")]
    assert score("l-eval/gov_report_summ", records) == round(100 * ((5 / 6) * (1 / 2) * (4 / 6)) ** (1 / 3), 2)


@pytest.mark.parametrize(
    "record",
    [
        {},
        predicted("A", "B", "LLM"),
        {"gt": "A", "query": "?", "evaluation": "exam"},
        predicted(None, "A"),
        predicted("A", 3),
    ],
)
def test_what_is_no_record_or_is_judged_otherwise_is_refused(record):
    with pytest.raises((KeyError, TypeError, ValueError)):
        TASKS["l-eval/tpo"].read(record)


def test_every_instruction_of_a_document_is_a_sample_of_its_group(tmp_path):
    (tmp_path / "open").mkdir()
    row = {
        "instructions": ["Why {x}?", "Who?"],
        "outputs": ["For a good reason", "Ann"],
        "input": "Text.",
        "source": "",
    }
    lines = [row | {"evaluation": "f1"}, row | {"evaluation": "LLM"}]
    (tmp_path / "open/multidoc_qa.jsonl").write_text("\n".join(map(json.dumps, lines)))
    one, other = TASKS["l-eval/multidoc_qa"].load(tmp_path)
    assert "Why {x}?" in one.after
    assert "4 words" in one.after
    assert (other.answers, other.context, other.max_tokens) == (("Ann",), "Text.", 512)
    assert one.group == other.group
    assert one.id != other.id


@pytest.mark.parametrize("name", CLOSED)
def test_the_official_files_have_the_questions_that_the_paper_counts(data, name):
    samples = list(TASKS[f"l-eval/{name}"].load(data / "l-eval"))
    assert len(samples) == CLOSED[name]
    assert len({sample.id for sample in samples}) == len(samples)
    assert all(SOURCES[name].rule.grade(sample.answers[0], sample) == 1 for sample in samples)


def test_there_are_twenty_tasks():
    assert len(TASKS) == 20


def test_the_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"closed/tpo\.jsonl or LEval-data/Closed-ended-tasks/tpo\.jsonl"):
        list(TASKS["l-eval/tpo"].load(tmp_path))
