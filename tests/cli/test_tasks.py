"""`longspan tasks` says what can be measured, and what can only be scored."""

import json

from longspan.cli.main import main


def test_tasks_that_need_a_judge_are_marked(capsys):
    assert main(["tasks", "loogle/*", "--json"]) == 0
    listed = {task["name"]: task for task in json.loads(capsys.readouterr().out)}
    assert listed["loogle/longdep_qa_judged"]["judged"]
    assert not listed["loogle/longdep_qa"]["judged"]
    assert listed["loogle/timeline_reorder_sd"]["lower"]
    assert main(["tasks", "loogle/*"]) == 0
    assert "(judged): needs a judge's verdict" in " ".join(capsys.readouterr().out.split())
    assert main(["tasks", "loogle/longdep_qa_judged"]) == 0
    assert "longspan score alone" in capsys.readouterr().out
    assert main(["tasks", "ruler/*"]) == 0
    assert "judge" not in capsys.readouterr().out


def test_a_distance_is_explained_as_one(capsys):
    assert main(["tasks", "loogle/timeline_reorder_sd"]) == 0
    assert "lower is better" in capsys.readouterr().out
