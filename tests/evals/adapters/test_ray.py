"""Samples fan out over Ray's workers, and a worker that is killed costs nothing."""

import os
import signal

import pytest
from tests.evals.asked import TASK, manifest, solver, subject

from longspan.evals.adapters.ray import run
from longspan.evals.results import Results
from longspan.evals.run import Source


def opened(marker):
    """A model that kills its own process the first time it is asked for a long sample."""
    answer = solver(TASK)

    def reply(messages):
        if len(messages[0].content) > 1500 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(messages)

    return subject(reply)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_two_workers_one_killed_and_every_sample_has_its_row(tmp_path):
    wanted, marker = manifest(samples=6), tmp_path / "killed"
    results = Results(tmp_path / "run")
    results.folder.mkdir()
    run(Source(wanted), lambda: opened(marker), results, method="", address="local", workers=2)
    assert marker.exists()
    rows = results.rows()
    assert len(rows) == 12
    assert all(row.score == 1 for row in rows)
