"""Samples fanned out over the machines of a Ray cluster; rows are stored here, as they come. https://docs.ray.io

Every worker opens the model once. One that dies is started again, and its sample asked again, by another if need be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.evals.results import Results
from longspan.evals.row import Row, key
from longspan.evals.run import Job, Runner, Source
from longspan.evals.subject import Subject

Open = Callable[[], Subject]
"""Opens the subject, in a worker's own process."""
TRIES = 3
"""Workers that may die over one sample before it is taken to be the sample's fault."""


class Worker:
    """One process with the model in it."""

    def __init__(self, source: Source, open_subject: Open, results: Results) -> None:
        self._runner = Runner(source, open_subject(), results)

    def ask(self, job: Job) -> Row:
        """Ask one sample."""
        return asyncio.run(self._runner.ask(job))


def run(
    source: Source,
    open_subject: Open,
    results: Results,
    *,
    method: str,
    address: str,
    workers: int = 0,
    progress: Progress = silent,
) -> None:
    """Ask what has no row yet on `workers` workers (0: one per node) of the cluster at `address`.

    `local` starts a cluster on this machine. InputError where the cluster does not answer, or a sample kills workers
    three times; what a sample raises is raised here. Finished rows are kept in every case.
    """
    _connect(address)
    try:
        finished = results.keys()
        jobs = [job for job in source.jobs() if _key(job, method) not in finished]
        remote: Any = ray.remote(max_restarts=-1)(Worker)
        crew = [remote.remote(source, open_subject, results) for _ in range(workers or len(ray.nodes()))]
        _drain(jobs, crew, lambda job, row: results.put(_key(job, method), row), progress)
    finally:
        ray.shutdown()


def _drain(jobs: Iterable[Job], crew: list[Any], store: Callable[[Job, Row], None], progress: Progress) -> None:
    """Keep every worker busy until all jobs have a row."""
    waiting, lost = list(reversed(list(jobs))), dict.fromkeys(jobs, 0)
    total, done, under_way = len(waiting), 0, dict[Any, tuple[Job, Any]]()
    idle = list(crew)
    while waiting or under_way:
        while waiting and idle:
            worker, job = idle.pop(), waiting.pop()
            under_way[worker.ask.remote(job)] = (job, worker)
        ((reply,), _) = ray.wait(list(under_way), num_returns=1)
        job, worker = under_way.pop(reply)
        idle.insert(0, worker)
        try:
            store(job, ray.get(reply))
        except RayActorError:
            lost[job] += 1
            if lost[job] == TRIES:
                raise InputError(f"{job} killed {TRIES} workers: is there memory for its length?") from None
            waiting.append(job)
            continue
        except RayTaskError as error:
            raise error.as_instanceof_cause() from None
        done += 1
        progress("measure", done, total, "samples")


def _connect(address: str) -> None:
    try:
        if address == "local":
            ray.init(logging_level=logging.ERROR, include_dashboard=False)
        else:
            ray.init(address, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"no Ray cluster answers at {address} ({reason}): start one, or say --ray local") from None


def _key(job: Job, method: str) -> str:
    return key(job.task, job.length, job.index, method)
