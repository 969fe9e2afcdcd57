import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longproc import OURS, TASKS, template

HERE = ["countdown_0.5k", "countdown_2k", "path_traversal_0.5k", "tom_tracking_0.5k"]


def put(folder, name, value):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize("name", HERE)
def test_official_references_score_1_by_both_rules(data, name):
    for ending in ("", "_partial"):
        task = TASKS[f"longproc/{name}{ending}"]
        samples = list(task.load(data / task.folder))
        assert len(samples) == 200
        assert {each.data["prompt"] for each in samples} == {"official"}
        for sample in samples[::10]:
            reply = f"<Route>\n{sample.answers[0]}\n</Route>" if "path" in name else sample.answers[0]
            assert task.rule.grade(reply, sample) == 1
            assert task.rule.grade(reply[: len(reply) // 2], sample) < 1
            assert task.rule.grade("", sample) == 0


def test_a_prompt_has_every_slot_filled_and_two_other_examples(data):
    first, *_, last = TASKS["longproc/countdown_0.5k"].load(data / "longproc")
    assert first.after.rstrip().endswith(
        f"Numbers: {first.data['nums']}\n  Target: {first.data['target']}".replace("  ", "")
    )
    assert first.context.count("# Search Procedure") == first.context.count("# Example") == 2
    assert f"Numbers: {first.data['nums']}" not in first.context
    assert f"Numbers: {first.data['nums']}" in last.context
    told = next(TASKS["longproc/tom_tracking_0.5k"].load(data / "longproc"))
    assert "{Catherine location" in told.before
    assert "{{" not in told.prompt
    assert told.context.startswith("Step 0: ")


def test_code_is_compared_by_line(data):
    task = TASKS["longproc/pseudo_to_code_0.5k_ours"]
    sample = next(task.load(data / "longproc"))
    assert task.rule.grade(f"```cpp\n{sample.answers[0]}\n```", sample) == 1
    assert task.rule.name == "longspan.code_lines"


def test_the_wording_is_ours_where_there_is_no_official_one(tmp_path):
    row = {"context_nl": "A to B by bus.", "question_repr": ["A", "B"], "answer_nl": "From A, take a bus to B."}
    put(tmp_path, "path_traversal/path_traversal_8k.json", [row])
    (sample,) = TASKS["longproc/path_traversal_8k"].load(tmp_path)
    assert sample.data["prompt"] == "longspan"
    assert "from A to B" in sample.after
    assert (sample.context, sample.max_tokens) == ("A to B by bus.", 9216)
    put(
        tmp_path,
        "path_traversal/prompts.yaml",
        "USER_PROMPT: |-\n  Go!\n  {city_context}\n\n  {src_city} {{x}} {dst_city}\n",
    )
    (sample,) = TASKS["longproc/path_traversal_8k"].load(tmp_path)
    assert sample.prompt == "Go!\nA to B by bus.\n\nA {x} B"
    assert sample.data["prompt"] == "official"


@pytest.mark.parametrize("task", OURS)
def test_our_wording_has_the_slots_of_the_official_one(data, task):
    official, wording = template(data / "longproc", task)
    assert wording == "official"
    for slot in (
        "demonstration",
        "nums",
        "target",
        "html_str",
        "tsv_header",
        "city_context",
        "src_city",
        "pseudocode",
        "story",
    ):
        assert (f"{{{slot}}}" in official) == (f"{{{slot}}}" in OURS[task])


def test_web_pages_are_read_from_beside_the_rows(tmp_path):
    row = {
        "html_path": "webpage/p.html",
        "task_topic": "pens",
        "task_description": "(1) price",
        "filtering_instruction": "",
    }
    put(
        tmp_path,
        "html_to_tsv/html_to_tsv_2k.json",
        [{**row, "tsv_header": "price", "gt": "price\n3", "website_id": "W1"}],
    )
    with pytest.raises(InputError, match=r"webpage/p.html is missing"):
        list(TASKS["longproc/html_to_tsv_2k"].load(tmp_path))
    put(tmp_path, "html_to_tsv/webpage/p.html", "<b>{3}</b>")
    (sample,) = TASKS["longproc/html_to_tsv_2k"].load(tmp_path)
    assert (sample.context, sample.group) == ("<b>{3}</b>", "W1")
    assert TASKS["longproc/html_to_tsv_2k"].rule.grade("```tsv\nprice\n3\n```", sample) == 1


def test_trips_are_chosen_by_size_and_shown_with_a_search(tmp_path):
    row = {
        "ground_truth_cities": "Oslo**Bonn",
        "ground_truth_durations": "3**2",
        "constraints": [
            {"type": "duration", "city": "Bonn", "num_days": 2},
            {"type": "fixed", "city": "Bonn", "start_day": 3, "end_day": 4},
            {"type": "duration", "city": "Oslo", "num_days": 3},
        ],
        "connected_cities": [["Oslo", "Bonn"]],
        "disambig_question_text": "Visit Oslo and Bonn.",
        "ground_truth_plan": "Plan:\n\n**Day 1-3:** Oslo.\n**Day 3:** Fly from Oslo to Bonn.\n**Day 3-4:** Bonn.",
    }
    rows = [{**row, "estimated_output_tokens": tokens} for tokens in (2047, 2048, 4096, 8191, 8192)]
    put(tmp_path, "travel_planning/travel_planning_all.json", rows)
    put(tmp_path, "travel_planning/travel_planning_icl_examples.json", [row])
    task = TASKS["longproc/travel_planning_8k"]
    samples = list(task.load(tmp_path))
    assert [len(samples), len(list(TASKS["longproc/travel_planning_2k"].load(tmp_path)))] == [2, 1]
    assert "Day 1, Oslo until day 3: possible.\n  Day 3, Bonn until day 4: possible.\n</Solving" in samples[0].context
    assert task.rule.grade(f"<Plan>\n{samples[0].answers[0]}\n</Plan>", samples[0]) == 1


def test_records_of_predictions_are_scored():
    item = {"nums": [1, 2, 3, 4], "target": 10}
    record = {
        "reference_output": "x",
        "item": item,
        "prediction": "<Solution>1 + 2 = 3\n3 + 3 = 6\n6 + 4 = 10</Solution>",
    }
    for name in ("countdown_0.5k", "countdown_8k_partial"):
        reply, sample = TASKS[f"longproc/{name}"].read(record)
        assert TASKS[f"longproc/{name}"].rule.grade(reply, sample) == 1
    table = TASKS["longproc/html_to_tsv_8k"]
    assert table.rule.grade(*table.read({"reference_output": "a\n1", "prediction": "a\n1"})) == 1
    with pytest.raises(KeyError):
        TASKS["longproc/travel_planning_2k"].read(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("{}", "a JSON list is wanted"),
        ('[{"context_nl": "x"}]', "record 1: no field 'question_repr'"),
    ],
)
def test_an_altered_file_without_known_digest_is_refused(tmp_path, text, message):
    put(tmp_path, "path_traversal/path_traversal_2k.json", text)
    with pytest.raises(InputError, match=message):
        list(TASKS["longproc/path_traversal_2k"].load(tmp_path))
