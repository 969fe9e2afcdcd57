import json

import pytest
from tests.evals.replay import replay, score

from longspan.core.errors import InputError
from longspan.evals.benchmarks.infinitebench import SOURCES, TASKS
from longspan.evals.data import json_lines

NAMES = "passkey number_string kv_retrieval longdialogue_qa_eng longbook_sum_eng longbook_choice_eng longbook_qa_eng "
NAMES += "longbook_qa_chn math_find math_calc code_run code_debug"
SCORES = {
    "gpt4": "100 100 89 8.5 14.73 67.25 22.44 25.96 60 0.01 23.25 37.06",
    # The table of the repository has 9.09 for the summaries, 16.98 for the Chinese questions and less than 5 for
    # code_debug: its own program gives what stands here, without the last line, which is no JSON.
    "yarn-mistral": "92.71 56.61 0 7.5 9.06 27.95 9.55 15.57 17.14 - 1.25 15.48",
    "yi-6b-200k": "100 94.92 0 3.5 0.92 36.68 9.2 15.07 4.29 0 0.75 9.14",
}
CELLS = [
    (model, name, float(value))
    for model, row in SCORES.items()
    for name, value in zip(NAMES.split(), row.split(), strict=True)
    if value != "-"
]


@pytest.fixture
def predictions(data):
    return data / "infinitebench" / "predictions"


@pytest.mark.parametrize(("model", "name", "value"), CELLS)
def test_official_predictions_have_their_official_score(predictions, tmp_path, model, name, value):
    path = predictions / model / f"preds_{name}.jsonl"
    if (model, name) == ("yarn-mistral", "longbook_qa_chn"):
        good = tmp_path / path.name
        good.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:188]))
        path = good
    task = "math_calc_gpt4" if (model, name) == ("gpt4", "math_calc") else name
    assert replay(f"infinitebench/{task}", path) == value


def test_the_line_that_is_no_json_is_named(predictions):
    with pytest.raises(InputError, match="line 189: not JSON"):
        list(json_lines(predictions / "yarn-mistral" / "preds_longbook_qa_chn.jsonl"))


def test_letters_alone_count_with_our_rule(predictions):
    path = predictions / "yi-6b-200k" / "preds_code_debug.jsonl"
    assert replay("infinitebench/code_debug_ours", path) == 18.02


def test_either_pair_of_names_is_read():
    one = {"id": 0, "prediction": "71432", "ground_truth": "71432"}
    other = {"id": 1, "pred": "71431", "label": "71432"}
    assert score("infinitebench/passkey", [one, other]) == 50


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("passkey", {}),
        ("passkey", {"id": 1, "prediction": "x"}),
        ("passkey", {"id": 1, "prediction": None, "ground_truth": "1"}),
        ("passkey", {"id": 1, "prediction": "x", "ground_truth": 71432}),
        ("kv_retrieval", {"id": 1, "prediction": "x", "ground_truth": ["x"]}),
        ("code_run", {"id": 1, "prediction": "x", "ground_truth": "4"}),
        ("code_run", {"id": 1, "prediction": "x", "ground_truth": True}),
        ("math_calc", {"id": 1, "prediction": "x", "ground_truth": []}),
        ("longbook_qa_eng", {"id": 1, "prediction": "x", "ground_truth": [1]}),
        ("code_debug", {"id": 1, "prediction": "x", "ground_truth": ["name"]}),
    ],
)
def test_what_is_no_record_is_refused(name, record):
    with pytest.raises((KeyError, TypeError, ValueError)):
        TASKS[f"infinitebench/{name}"].read(record)


ANSWERS = {
    "passkey": (["71432"], "71432"),
    "number_string": ("71432", "71432"),
    "kv_retrieval": (["c14c"], "c14c"),
    "code_run": (["-4"], -4),
    "math_find": ("4.5", 4.5),
    "math_calc": (["79", "59"], [79, 59]),
    "code_debug": ("two", ["two", "B"]),
    "longbook_choice_eng": (["two", "B"], ["two", "B"]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_samples_are_read_with_references_as_the_official_program_has_them(tmp_path, name):
    answer, label = ANSWERS.get(name, (["Ann"], ["Ann"]))
    question = "What does func_12(-3) return? The largest number of the list is:"
    row = {
        "id": 7,
        "context": "Text {input}.",
        "input": question,
        "answer": answer,
        "options": ["one", "two", "3", "4"],
    }
    (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
    (sample,) = TASKS[f"infinitebench/{name}"].load(tmp_path)
    assert sample.data == {"label": label, "prompt": "longspan"}
    assert sample.id == f"{name}-7"
    assert sample.context == "Text {input}."
    assert "{" not in sample.before + sample.after
    if name in ("code_debug", "longbook_choice_eng"):
        assert "A. one\nB. two\nC. 3\nD. 4" in sample.after


def test_official_prompts_are_read_from_the_official_program_without_running_it(tmp_path):
    row = {"id": 7, "context": "C", "input": "func_1(2)?", "answer": 4, "options": []}
    (tmp_path / "code_run.jsonl").write_text(json.dumps(row))
    (tmp_path / "src").mkdir()
    program = 'raise SystemExit\ngpt4_templates = {"code_run": "Of {func}: {context} What is {func_call}"}\n'
    (tmp_path / "src/prompt.py").write_text(program)
    (sample,) = TASKS["infinitebench/code_run"].load(tmp_path)
    assert sample.prompt == "Of func_1: C What is func_1(2)"
    assert sample.data["prompt"] == "official"
    (tmp_path / "src/prompt.py").write_text("gpt4_templates = dict(code_run=open('x').read())")
    with pytest.raises(InputError, match="no gpt4_templates for code_run"):
        list(TASKS["infinitebench/code_run"].load(tmp_path))


def test_missing_files_and_strange_answers_are_named(tmp_path):
    with pytest.raises(InputError, match=r"passkey\.jsonl"):
        list(TASKS["infinitebench/passkey"].load(tmp_path))
    row = {"id": 7, "context": "C", "input": "?", "answer": "five", "options": ["one", "two"]}
    for name in ("code_debug", "code_run"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
        with pytest.raises(InputError, match=r"line 1: .*five"):
            list(TASKS[f"infinitebench/{name}"].load(tmp_path))
