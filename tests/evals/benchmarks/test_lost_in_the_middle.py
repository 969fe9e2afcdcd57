import gzip
import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.lost_in_the_middle import PLACES, TASKS


def write(folder, keys, rows):
    with gzip.open(folder / f"kv-retrieval-{keys}_keys.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def case(keys):
    pairs = [[f"key{n}", f"Value{n}"] for n in range(keys)]
    return {"ordered_kv_records": pairs, "key": "key7", "value": "Value7"}


def test_the_key_asked_for_is_moved_and_the_others_keep_their_order(tmp_path):
    write(tmp_path, 75, [case(75)])
    for place in PLACES[75]:
        (sample,) = TASKS[f"lost_in_the_middle/kv_75_at_{place}"].load(tmp_path)
        text = sample.prompt[sample.prompt.index("{") : sample.prompt.index("}") + 1]
        pairs = list(json.loads(text).items())
        assert pairs[place] == ("key7", "Value7")
        assert [key for key, _ in pairs if key != "key7"] == [f"key{n}" for n in range(75) if n != 7]
        assert sample.depth == place / 74
        assert [sample.context[a:b] for a, b in sample.spans] == ['"key7": "Value7"']
        assert sample.data == {"prompt": "longspan"}


def test_the_official_wording_is_used_where_it_is_there(tmp_path):
    write(tmp_path, 140, [case(140)])
    (tmp_path / "kv_retrieval.prompt").write_text("Find {key}:\n{formatted_kv_records}\nKey {key}\n")
    (sample,) = TASKS["lost_in_the_middle/kv_140_at_0"].load(tmp_path)
    assert sample.prompt.endswith('"key139": "Value139"}\nKey key7')
    assert sample.data == {"prompt": "official"}


def test_the_official_files_have_500_cases(data):
    for name in ("kv_75_at_49", "kv_140_at_139"):
        task = TASKS[f"lost_in_the_middle/{name}"]
        samples = list(task.load(data / task.folder))
        assert len(samples) == 500
        assert {task.rule.grade(f"It is {each.answers[0].upper()}.", each) for each in samples} == {1}
        assert all(each.context[slice(*each.spans[0])].endswith(f'"{each.answers[0]}"') for each in samples)


def test_predictions_of_the_official_scripts_are_read():
    task = TASKS["lost_in_the_middle/kv_75_at_0"]
    for answer, score in {"the value is ab-CD.": 1, "abcd": 0, "": 0}.items():
        reply, sample = task.read({**case(3), "value": "AB-cd", "model_answer": answer})
        assert task.rule.grade(reply, sample) == score
    assert task.rule.scale == 1


def test_a_line_that_is_no_case_is_named(tmp_path):
    write(tmp_path, 75, [case(75), {"key": "x"}])
    with pytest.raises(InputError, match="line 2: not a case"):
        list(TASKS["lost_in_the_middle/kv_75_at_0"].load(tmp_path))
