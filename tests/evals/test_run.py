"""Runs lose nothing, repeat nothing, and never send what does not fit."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from tests.evals.asked import TASK, manifest, run, solver, subject

from longspan.core.errors import InputError
from longspan.evals.cost import Price, Purse
from longspan.evals.results import Results
from longspan.evals.row import Row
from longspan.evals.run import Source, check_judged, check_lengths


def test_every_sample_gets_a_row_with_what_it_was_and_what_it_cost(tmp_path):
    rows = run(tmp_path, manifest(), subject(solver(TASK))).rows()
    assert [(row.length, row.index) for row in rows] == [(n, i) for n in (300, 600) for i in range(3)]
    for row in rows:
        assert (row.task, row.ability, row.rule) == (TASK, "retrieval", "ruler.string_match_all")
        assert (row.score, row.status, row.finish) == (1, "scored", "stop")
        assert 0.9 * row.length < row.tokens + 128 <= row.length
        assert (row.model, row.digest, row.seed) == ("scripted", "d1", 0)
        assert row.depth is not None


def test_a_second_run_asks_nothing_and_a_larger_one_only_what_is_new(tmp_path):
    run(tmp_path, manifest(), subject())
    again, more = subject(), subject()
    run(tmp_path, manifest(), again)
    assert again.lm.calls == []
    run(tmp_path, manifest(samples=5), more)
    assert len(more.lm.calls) == 4


def test_what_fails_keeps_the_finished_rows_and_is_raised(tmp_path):
    def fail_at_fourth(messages):
        if len(asked.lm.calls) == 4:
            raise InputError("the server is down")
        return "7"

    asked = subject(fail_at_fourth)
    with pytest.raises(InputError, match="the server is down"):
        run(tmp_path, manifest(), asked)
    assert len(Results(tmp_path).keys()) == 3
    rest = subject()
    run(tmp_path, manifest(), rest)
    assert len(rest.lm.calls) == 3


def test_over_length_samples_are_counted_and_never_sent(tmp_path):
    asked = subject(window=400)
    rows = run(tmp_path, manifest(), asked).rows()
    assert [row.status for row in rows] == ["scored"] * 3 + ["over"] * 3
    assert all(row.score is None and not row.prediction for row in rows[3:])
    assert len(asked.lm.calls) == 3


@pytest.mark.parametrize("side", ["left", "middle", "right"])
def test_a_cut_keeps_the_question_and_says_what_is_left_out(tmp_path, side):
    asked = subject(window=400)
    rows = run(tmp_path, manifest(cut=side), asked).rows()
    assert all(row.status == "scored" for row in rows)
    assert [bool(row.cut) for row in rows] == [False] * 3 + [True] * 3
    assert all(row.cut.startswith(f"{side}: ") for row in rows[3:])
    for call in asked.lm.calls[-3:]:
        assert "What is the secret number" in call.messages[0].content
    assert all(390 < row.tokens + 128 <= 400 for row in rows[3:])


def test_tasks_that_a_judge_scores_are_refused_before_anything_is_asked_or_read(tmp_path):
    asked = subject()
    with pytest.raises(InputError, match=r"loogle/longdep_qa_judged .*judge.*longspan score loogle/longdep_qa_judged"):
        run(tmp_path, manifest(tasks=(TASK, "loogle/longdep_qa_judged")), asked)
    assert asked.lm.calls == []
    assert Results(tmp_path).keys() == set()
    check_judged(Source(manifest()))


def test_lengths_over_the_window_are_refused_before_anything_is_asked():
    with pytest.raises(InputError, match=r"600 tokens are more than the window of 512.*rope=yarn.*--cut"):
        check_lengths(manifest(), 512)
    check_lengths(manifest(cut="left"), 512)
    check_lengths(manifest(), 600)


def test_a_run_stops_before_a_call_could_pass_the_limit(tmp_path):
    purse = Purse(Price(input=1e3, output=1e3), limit=1.0)
    with pytest.raises(InputError, match="stopped before passing --max-cost"):
        run(tmp_path, manifest(), subject(), purse=purse)
    rows = Results(tmp_path).rows()
    spent = sum((row.tokens + row.reply_tokens) / 1e3 for row in rows)
    assert rows
    assert purse.spent == pytest.approx(spent)
    assert spent <= 1.0


def test_calls_of_a_server_overlap_as_many_as_asked(tmp_path):
    under_way, most, lock = [0], [0], threading.Lock()
    asked = subject(parallel=4)
    answer = asked.lm.__class__.__call__

    class Slow(type(asked.lm)):
        async def __call__(self, messages, **settings):
            import asyncio

            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            await asyncio.sleep(0.05)
            with lock:
                under_way[0] -= 1
            return await answer(self, messages, **settings)

    asked.lm.__class__ = Slow
    assert len(run(tmp_path, manifest(samples=8), asked).rows()) == 16
    assert most[0] == 4


PROGRAM = """
import sys, time
from pathlib import Path
from tests.evals.asked import manifest, run, subject
def slow(messages):
    time.sleep(0.05)
    return sys.argv[2]
run(Path(sys.argv[1]), manifest(samples=12), subject(slow))
"""


def started(folder, reply):
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), reply]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})


def test_a_killed_run_loses_only_the_sample_in_flight(tmp_path):
    process = started(tmp_path, "one")
    while len(Results(tmp_path).keys()) < 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(Results(tmp_path).keys())
    rest = subject()
    run(tmp_path, manifest(samples=12), rest)
    assert 3 <= kept < 24
    assert len(rest.lm.calls) == 24 - kept


def test_two_processes_share_a_run_and_no_sample_is_asked_twice(tmp_path):
    both = [started(tmp_path, reply) for reply in ("one", "two")]
    assert [process.wait() for process in both] == [0, 0]
    rows = Results(tmp_path).rows()
    assert len({(row.length, row.index) for row in rows}) == len(rows) == 24
    assert {row.prediction for row in rows} == {"one", "two"}


def test_a_row_survives_its_line_of_json():
    row = Row(
        sample="a",
        task=TASK,
        ability="retrieval",
        rule="r",
        index=0,
        length=300,
        depth=0.5,
        group="",
        seed=0,
        model="m",
        digest="d",
        method="",
        tokens=10,
        prediction='"é\n',
    )
    assert Row.read(row.text()) == row
