import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.l_citeeval import TASKS

ROWS = {
    "hotpotqa": {
        "id": 1,
        "question": "Who?",
        "answer": ["Ada", "A."],
        "docs": ["Ada came.", "Bob left."],
        "length": 7000,
    },
    "dialsim": {"id": 1, "question": "Who?", "answer": "Ada", "docs": ["x"], "length": 9, "role": "Ross"},
    "gov_report": {"id": 1, "answer": "Rain.", "docs": [{"title": "T", "text": "\nT\nRain fell.\n"}], "length": 9000},
    "niah": {"id": 1, "question": "What?", "answer": "a sandwich", "docs": ["x", "eat a sandwich", "y"], "length": 9},
    "counting_stars": {
        "id": 1,
        "answer": [3, 8],
        "docs": ["x", "The little penguin counted 3 ★", "The little penguin counted 8 ★"],
        "length": 9,
    },
}
PROMPT = {
    "instruction": "Cite, <<<chatbox>>>.",
    "demo_sep": "\n~\n",
    "demo_prompt": "{D}\n{INST}\nQuestion: {Q}\nAnswer: {A}",
    "doc_prompt": "Doc [{ID}]: {P}\n",
    "demo_role": "Joey",
    "demos": [{"question": "Demo?", "answer": ["one [1]", "two [2]"], "docs": ["d1", "d2"]}],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "L-CiteEval-Data").mkdir()
    for name, row in ROWS.items():
        (tmp_path / "L-CiteEval-Data" / f"{name}.json").write_text(json.dumps([row]))
    return tmp_path


def only(name, folder):
    (sample,) = TASKS[f"l_citeeval/{name}"].load(folder)
    return sample


def test_passages_are_numbered_from_1(folder):
    sample = only("hotpotqa", folder)
    assert sample.context == "Passage [1]: Ada came.\nPassage [2]: Bob left.\n"
    assert sample.after.endswith("Question: Who?\nAnswer:")
    assert sample.answers == ("Ada", "A.")
    assert "docs" not in sample.data
    assert only("hotpotqa_citation_f1", folder).data["docs"] == ["Ada came.", "Bob left."]
    assert only("gov_report", folder).context == "Passage [1]: Rain fell.\n"
    assert "You are Ross" in only("dialsim", folder).after


def test_needles_and_stars_know_the_passages_to_cite(folder):
    needle, stars = only("niah_citation_f1", folder), only("counting_stars", folder)
    assert needle.data["gold"] == [1]
    assert TASKS["l_citeeval/niah_citation_f1"].rule.grade("a sandwich [2]", needle) == 1
    assert (stars.data["gold"], stars.data["counts"]) == ([1, 2], [3, 8])
    reply = '{"little_penguin": [3, 8], "passage_id": [2, 3]}'
    assert TASKS["l_citeeval/counting_stars"].rule.grade(reply, stars) == 1
    assert TASKS["l_citeeval/counting_stars_citation_recall"].rule.grade(reply, stars) == 1


def test_official_prompts_come_with_their_worked_example(folder):
    (folder / "prompt").mkdir()
    (folder / "prompt" / "dialsim_default.json").write_text(json.dumps(PROMPT))
    sample = only("dialsim", folder)
    assert sample.prompt == (
        "Doc [1]: d1\nDoc [2]: d2\n\nCite, Joey.\nQuestion: Demo?\nAnswer:\none [1]\ntwo [2]\n~\n"
        "Doc [1]: x\n\nCite, Ross.\nQuestion: Who?\nAnswer:"
    )
    assert sample.data["prompt"] == "official"


def test_predictions_are_entries_of_the_result_files():
    task = TASKS["l_citeeval/hotpotqa"]
    reply, sample = task.read({"id": 1, "question": "Who?", "answer": "Ada", "generation": ["Ada [1]."]})
    assert task.rule.grade(reply, sample) == 1
    record = {**ROWS["hotpotqa"], "generation": ["Ada came [1]."]}
    verdicts = [{"sentence": 1, "passages": [1], "entails": True}]
    task = TASKS["l_citeeval/hotpotqa_citation_precision"]
    reply, sample = task.read({**record, "entailments": verdicts})
    assert task.rule.grade(reply, sample) == 1
    with pytest.raises(InputError, match="entailments"):
        task.rule.grade(*task.read(record))


@pytest.mark.parametrize("name", ["hotpotqa", "counting_stars", "niah_citation_f1", "hotpotqa_citation_f1"])
def test_records_of_another_form_are_refused(name):
    for record in ({}, {"answer": "x"}, {"answer": "x", "generation": []}, {"answer": "x", "generation": "y"}):
        if (name, record.get("generation")) != ("hotpotqa", "y"):
            with pytest.raises((KeyError, ValueError)):
                TASKS[f"l_citeeval/{name}"].read(record)


def test_missing_fields_are_named(folder):
    (folder / "L-CiteEval-Data" / "niah.json").write_text('[{"docs": []}]')
    with pytest.raises(InputError, match=r"niah\.json, row 0: no field 'answer'"):
        list(TASKS["l_citeeval/niah"].load(folder))
