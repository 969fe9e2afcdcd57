import json

import pytest
from tests.evals.replay import score

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longbench2 import TASKS

ROW = {"_id": "q1", "domain": "Code", "sub_domain": "x", "difficulty": "easy", "length": "short", "answer": "B"}
ROW |= {"question": " Why $C_A$? ", "context": " All of $Q$ it. ", "choice_A": "a", "choice_B": "b", "choice_C": "c"}
ROW |= {"choice_D": "d"}


def test_replies_are_scored_by_the_letter_behind_the_phrase():
    replies = ["The correct answer is (B)", "**The correct answer is C**", "B", "The correct answer is B"]
    records = [ROW | {"_id": str(at), "response": reply, "pred": None} for at, reply in enumerate(replies)]
    assert score("longbench_v2", records) == 50
    assert score("longbench_v2_compensated", records) == 56.25


@pytest.mark.parametrize("broken", [{"response": None}, {"answer": "E"}, {"response": 3}])
def test_what_is_no_record_is_refused(broken):
    with pytest.raises((KeyError, TypeError, ValueError)):
        TASKS["longbench_v2"].read(ROW | {"response": "x"} | broken)
    with pytest.raises(KeyError):
        TASKS["longbench_v2"].read(ROW)


def test_questions_are_read_with_their_options(tmp_path):
    (tmp_path / "data.json").write_text(json.dumps([ROW]))
    (sample,) = TASKS["longbench_v2"].load(tmp_path)
    assert (sample.id, sample.context, sample.answers, sample.max_tokens) == ("q1", "All of $Q$ it.", ("B",), 128)
    assert "Why $C_A$?\n(A) a\n(B) b\n(C) c\n(D) d" in sample.after
    assert "The correct answer is (X)" in sample.after
    assert sample.data["prompt"] == "longspan"
    assert sample.data["length"] == "short"


def test_the_official_prompt_is_used_where_it_is(tmp_path):
    (tmp_path / "data.json").write_text(json.dumps([ROW]))
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/0shot.txt").write_text("T: $DOC$ Q: $Q$ $C_D$")
    (sample,) = TASKS["longbench_v2"].load(tmp_path)
    assert sample.prompt == "T: All of $Q$ it. Q: Why $C_A$? d"
    assert sample.data["prompt"] == "official"


@pytest.mark.parametrize(("text", "problem"), [("[", "not JSON"), ("{}", "list"), ('[{"_id": 1}]', "no field")])
def test_broken_files_are_named(tmp_path, text, problem):
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(InputError, match=problem):
        list(TASKS["longbench_v2"].load(tmp_path))
