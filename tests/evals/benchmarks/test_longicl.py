import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longicl import FEWNERD, TASKS, in_rounds, in_turns
from longspan.evals.metrics.longicl import labels
from longspan.evals.task import Graded


def write(folder, name, rows):
    text = "\n".join(map(json.dumps, rows)) if name.endswith("l") else json.dumps(rows)
    (folder / name).write_text(text, encoding="utf-8")


def test_fewnerd_has_the_official_rounds_and_its_references_score_1(data):
    for rounds in (1, 5):
        task = TASKS[f"longicl/fewnerd_{rounds}"]
        samples = list(task.load(data / task.folder))
        assert len(samples) == 500
        assert samples[0].context.count("Sentence: ") == FEWNERD[rounds - 1]
        graded = [Graded(each, "\n".join(each.answers), 0) for each in samples]
        assert task.rule.total(graded) > 0.99  # names with a colon cannot be told
        assert task.rule.total([Graded(each, "", 0) for each in samples]) == 0


def test_a_label_that_has_run_out_is_made_up_for_by_the_next_later_one():
    rows = [{"label": label, "n": n} for n, label in enumerate("abacbc")]
    assert [row["n"] for row in in_rounds(rows, 1)] == [0, 1, 3]
    assert [row["n"] for row in in_rounds(rows, 2)] == [0, 1, 3, 2, 4, 5]
    rows = [{"label": label, "n": n} for n, label in enumerate("abbb")]
    assert [row["n"] for row in in_rounds(rows, 2)] == [0, 1, 2, 3]


def test_tacreds_rounds_end_when_every_relation_has_occurred():
    every = [{"relation": each} for each in sorted(labels("tacred"))]
    assert in_turns([every[0], {"relation": "other"}, *every, *every], 1) == every
    assert in_turns([*every, *every[:3]], 2) == [*every, *every[:3]]


def test_sets_of_the_hub_are_read_with_names_or_numbers(tmp_path):
    for part in ("train", "test"):
        rows = [{"text": f"{part} {n}", "labels": [n % 2] if n else [0, 1]} for n in range(9)]
        write(tmp_path, f"goemotion_{part}.jsonl", rows)
        write(tmp_path, f"discovery_{part}.jsonl", [{"sentence1": "It rained", "sentence2": "we left", "label": "so,"}])
    write(tmp_path, "goemotion_labels.json", ["joy", "fear"])
    first, second, *rest = TASKS["longicl/goemotion_2"].load(tmp_path)
    assert first.context == "\n".join(
        f"Comment: train {n}\nEmotion: {'fear' if n % 2 else 'joy'}" for n in (1, 2, 3, 4)
    )
    assert (first.answers, second.answers) == (("fear",), ("joy",))
    assert first.after == "\nComment: test 1\nEmotion:"
    assert len(rest) == 6
    (marked,) = TASKS["longicl/discovery_1"].load(tmp_path)
    assert TASKS["longicl/discovery_1"].rule.grade("So", marked) == 1


def test_dialogues_are_merged_and_cut_after_500_relations(tmp_path):
    pair = {"relation": "per:age", "subject_entity": "A", "object_entity": "5"}
    write(tmp_path, "train_dialogueRE_processed.json", [{"dialogue": f"d{n // 3}", **pair} for n in range(40)])
    write(tmp_path, "test_dialogueRE.json", [{"dialogue": f"t{n}", "relations": [pair] * 200} for n in range(4)])
    samples = list(TASKS["longicl/dialogre_1"].load(tmp_path))
    assert samples[0].context.count("Dialogue:") == 12  # 34 relations, three a dialogue
    assert [len(each.answers) for each in samples] == [200, 200, 100]
    assert TASKS["longicl/dialogre_1"].rule.grade(", ".join(samples[0].answers), samples[0]) == 1


def test_tacred_tests_at_most_twenty_of_a_relation(tmp_path):
    row = {"sentence": "A is B", "subject_entity": "A", "object_entity": "B"}
    write(tmp_path, "train_tacred.json", [{**row, "relation": each} for each in sorted(labels("tacred"))])
    write(
        tmp_path, "test_tacred.json", [{**row, "relation": each} for each in ["per:age"] * 30 + ["other", "per:title"]]
    )
    samples = list(TASKS["longicl/tacred_1"].load(tmp_path))
    assert len(samples) == 21
    assert samples[0].context.count("Sentence:") == 41


@pytest.mark.parametrize(
    ("name", "record", "score"),
    [
        ("goemotion_1", {"text": "x", "label": "joy", "pred": "joy"}, 1),
        ("discovery_3", {"sentence1": "x", "sentence2": "y", "label": "so", "pred": "so"}, 1),
        ("tacred_2", {"sentence": "x", "label": "per:age", "pred": "per:title"}, 0),
        ("dialogre_1", {"dialogue": "x", "label": "per:age, per:boss", "pred": "per:age, per:boss"}, 1),
        ("fewnerd_1", {"entities": {"A": "x", "B": "y"}, "pred": {"A": "x", "B": "y"}}, 1),
        ("fewnerd_1", {"entities": {"A": "x"}, "pred": "A: x\nSentence: z"}, 1),
    ],
)
def test_official_result_files_are_read(name, record, score):
    task = TASKS[f"longicl/{name}"]
    reply, sample = task.read(record)
    assert task.rule.grade(reply, sample) == score
    with pytest.raises(KeyError):
        task.read({"pred": "x"})


def test_a_row_without_a_field_is_refused(tmp_path):
    write(tmp_path, "banking77_train.jsonl", [{"text": "x", "label": "y"}])
    write(tmp_path, "banking77_test.jsonl", [{"label": "y"}])
    with pytest.raises(InputError, match=r"banking77_1 lacks 'text'"):
        list(TASKS["longicl/banking77_1"].load(tmp_path))
    (tmp_path / "banking77_test.jsonl").unlink()
    with pytest.raises(InputError, match=r"banking77_test.jsonl is missing"):
        list(TASKS["longicl/banking77_1"].load(tmp_path))
