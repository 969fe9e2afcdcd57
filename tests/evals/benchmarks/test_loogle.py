import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.loogle import TASKS
from longspan.evals.task import Graded

TIMELINE = {
    "Q": "Order them:\n1.Launch\n2. Design\n3.Landing",
    "A": "2,1,3",
    "type": "timeline_reorder",
    "S": ["evidence"],
}
ROWS = {
    "longdep_qa": {
        "input": "A long {text}.",
        "title": "Probe",
        "qa_pairs": repr([{"Q": "Who built it?", "A": "Ada", "type": "computation", "S": ["s"]}, TIMELINE]),
        "output": "None",
    },
    "longdep_summarization": {"input": "A paper.", "title": "1", "qa_pairs": "none", "output": "It proves a bound."},
    "shortdep_cloze": {
        "input": "A script.",
        "title": "Play",
        "qa_pairs": repr([{"Q": "<mask-0> met <mask-1>.", "S": "x", "A": {"<mask-0>": "Ada", "<mask-1>": "Bob Lee"}}]),
        "output": "None",
    },
}


@pytest.fixture
def folder(tmp_path):
    for name, row in ROWS.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def only(name, folder):
    (sample,) = TASKS[name].load(folder)
    return sample


def test_questions_become_samples_of_their_document(folder):
    first, second = TASKS["loogle/longdep_qa"].load(folder)
    assert first.prompt.startswith("Read the text")
    assert first.context == "A long {text}."
    assert "Question: Who built it?" in first.after
    assert (first.answers, first.group, first.max_tokens) == (("Ada",), "Probe", 500)
    assert first.id != second.id
    assert first.data["prompt"] == "longspan"


def test_events_to_order_carry_roman_numerals_as_in_the_official_predictions(folder):
    sample = only("loogle/timeline_reorder_lsd_ours", folder)
    assert "I. Launch\nII. Design\nIII. Landing" in sample.after
    assert sample.answers == ("II", "I", "III")
    assert TASKS["loogle/timeline_reorder_lsd_ours"].rule.grade("II, I, III", sample) == 1


def test_summaries_and_masks_have_their_references(folder):
    assert only("loogle/longdep_summarization", folder).answers == ("It proves a bound.",)
    sample = only("loogle/shortdep_cloze", folder)
    assert sample.data["masks"] == {"<mask-0>": "Ada", "<mask-1>": "Bob Lee"}
    assert "such as {'<mask-0>': 'Ada', '<mask-1>': 'Turin'}" in sample.before


def test_official_prompts_are_used_where_they_are(folder):
    (folder / "config").mkdir()
    prompt = "Official {{x}} words.\n{input}\nQ: {Q} A:"
    (folder / "config" / "task2prompt.json").write_text(json.dumps({"longdep_qa": prompt}))
    sample = next(iter(TASKS["loogle/longdep_qa"].load(folder)))
    assert (sample.before, sample.after) == ("Official {x} words.\n", "\nQ: Who built it? A:")
    assert sample.data["prompt"] == "official"


def test_missing_and_altered_files_are_named(folder):
    with pytest.raises(InputError, match=r"shortdep_qa\.jsonl is missing"):
        list(TASKS["loogle/shortdep_qa"].load(folder))
    (folder / "longdep_qa.jsonl").write_text('{"input": "x", "qa_pairs": "open(1)"}\n')
    with pytest.raises(InputError, match=r"longdep_qa\.jsonl, line 1: qa_pairs"):
        list(TASKS["loogle/longdep_qa"].load(folder))
    (folder / "longdep_qa.jsonl").write_text('{"qa_pairs": []}\n{"input": "x"}\n')
    with pytest.raises(InputError, match=r"line 2: no field 'qa_pairs'"):
        list(TASKS["loogle/longdep_qa"].load(folder))


def test_a_prediction_record_holds_the_replies_of_a_document():
    task = TASKS["loogle/shortdep_qa_bleu_1"]
    records = [
        {"qa_pairs": [{"Q": "?", "A": "a b"}] * 2, "llm_output": ["a b", "c d"], "output": ["a b", "a b"]},
        {"qa_pairs": [{"Q": "?", "A": "a"}], "llm_output": ["a"], "output": ["a"]},
    ]
    graded = [Graded(sample, reply, task.rule.grade(reply, sample)) for reply, sample in map(task.read, records)]
    assert task.rule.total(graded) == pytest.approx(2 / 3)


def test_masks_filled_in_are_read_as_text_or_as_a_dictionary():
    task = TASKS["loogle/shortdep_cloze_partial"]
    masks = {"<mask-0>": "Ada", "<mask-1>": "Bob Lee"}
    for reply in ({"<mask-1>": "Bob"}, "{'<mask-1>': 'Bob'}"):
        prediction, sample = task.read({"llm_output": [reply], "output": [masks], "qa_pairs": []})
        assert task.rule.grade(prediction, sample) == 0.5


@pytest.mark.parametrize(
    "record",
    [{}, {"llm_output": ["a"]}, {"llm_output": [], "output": []}, {"llm_output": ["a", "b"], "output": ["a"]}],
)
def test_records_of_another_form_are_refused(record):
    with pytest.raises((KeyError, TypeError, ValueError)):
        TASKS["loogle/shortdep_qa"].read(record)


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("shortdep_qa", 80),
        ("longdep_qa", 43),
        ("longdep_summarization", 5),
        ("shortdep_cloze", 94),
        ("timeline_reorder_lmd_ours", 3),
    ],
)
def test_the_official_files_are_read_whole(data, name, n):
    task = TASKS[f"loogle/{name}"]
    samples = list(task.load(data / "loogle"))
    assert len(samples) == len({sample.id for sample in samples}) == n
    for sample in samples:
        perfect = repr(sample.data["masks"]) if "cloze" in name else ",".join(sample.answers)
        assert task.rule.grade(perfect, sample) == pytest.approx(1)
        assert len(sample.context) > 50_000
