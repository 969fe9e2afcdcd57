"""Asking a model every sample of a manifest, storing each result as it is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.evals.ask import Ask, Generator
from longspan.evals.catalog import find
from longspan.evals.cost import Price, Purse
from longspan.evals.cut import Side, cut
from longspan.evals.data import locate
from longspan.evals.haystack import Haystack, library
from longspan.evals.manifest import Manifest
from longspan.evals.results import Results
from longspan.evals.row import Row, key
from longspan.evals.subject import Subject
from longspan.evals.task import Published, Sample, Task
from longspan.lm.lm import OverLength, Reply


@dataclass(frozen=True, slots=True)
class Job:
    """One sample to ask."""

    task: str
    length: int
    """Tokens asked for; 0: as the data set has it."""
    index: int


class Stopped(Exception):
    """Raised inside a reply under way when the run was stopped."""


@dataclass
class Brake:
    """What a reply under way is watched by: once pulled, it ends, however long the prompt being read is."""

    progress: Progress = silent
    """Of the run as a whole."""
    pulled: bool = False

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        """Called by a model as it reads; Stopped once the brake is pulled."""
        self.check()

    def check(self, _text: str = "") -> None:
        """Stopped once the brake is pulled."""
        if self.pulled:
            raise Stopped


@dataclass(frozen=True)
class Source:
    """Where samples come from: generators are asked for them, data sets are read once."""

    manifest: Manifest
    haystack: Haystack = field(default_factory=library)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    """Tasks made for this run only, by name; all others are the catalog's."""

    def task(self, name: str) -> Task:
        """The task of a name."""
        return self.tasks.get(name) or find(name)

    def jobs(self) -> list[Job]:
        """Everything to ask, the first samples of all tasks and lengths first: a part of it is a fair picture."""
        made: list[Job] = []
        for name in self.manifest.tasks:
            if isinstance(self.task(name), Published):
                made += [Job(name, 0, index) for index in range(min(self.manifest.samples, len(self._read[name])))]
            else:
                made += [Job(name, n, index) for n in self.manifest.lengths for index in range(self.manifest.samples)]
        return sorted(made, key=lambda job: job.index)

    def sample(self, job: Job, subject: Subject) -> Sample:
        """Make or look up a job's sample."""
        task = self.task(job.task)
        if isinstance(task, Published):
            return self._read[job.task][job.index]
        made = cast(Generator, task)
        seed, index = self.manifest.seed, job.index
        return made.make(Ask(job.task, repr(made), job.length, index, seed, subject.count, self.haystack))

    @cached_property
    def _read(self) -> dict[str, list[Sample]]:
        given = Path(self.manifest.data) if self.manifest.data else None
        tasks = {name: self.task(name) for name in self.manifest.tasks}
        return {
            name: list(task.load(locate(task.folder, given, hub=task.hub)))
            for name, task in tasks.items()
            if isinstance(task, Published)
        }


class Runner:
    """Asks one subject the samples of a manifest that have no row yet."""

    def __init__(
        self,
        source: Source,
        subject: Subject,
        results: Results,
        *,
        purse: Purse | None = None,
        brake: Brake | None = None,
        note: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self._source = source
        self._subject = subject
        self._results = results
        self._purse = purse or Purse(Price())
        self._brake = brake or Brake()
        self._note = note

    async def run(self) -> None:
        """Ask until every job has a row, is in another living process's hands, or something goes wrong.

        Finished rows are kept whatever happens. Raises what the first failing call raised, and InputError before any
        call where a task needs a judge.
        """
        check_judged(self._source)
        jobs = self._source.jobs()
        finished = self._results.keys()
        waiting = iter([job for job in jobs if self._key(job) not in finished])
        self._total, self._done = len(jobs), len(jobs) - sum(self._key(job) not in finished for job in jobs)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._subject.parallel):
                    group.create_task(self._work(waiting))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        except asyncio.CancelledError:
            self._brake.pulled = True
            raise

    async def _work(self, waiting: Iterator[Job]) -> None:
        for job in waiting:
            if not self._results.claim(self._key(job)):
                continue
            try:
                row = await self.ask(job)
            except BaseException:
                self._brake.pulled = True
                self._results.release(self._key(job))
                raise
            self._results.put(self._key(job), row)
            self._done += 1
            self._note(row)
            self._brake.progress("measure", self._done, self._total, "samples")

    async def ask(self, job: Job) -> Row:
        """Ask one sample: its row, whether it was sent or did not fit."""
        subject, lm = self._subject, self._subject.lm
        sample = await asyncio.to_thread(self._source.sample, job, subject)
        tokens = await asyncio.to_thread(subject.count, sample.prompt, sample.start)
        left_out = ""
        if tokens + sample.max_tokens > lm.window:
            if not self._source.manifest.cut:
                return self._row(job, sample, tokens=tokens, status="over")
            side = cast(Side, self._source.manifest.cut)
            whole = len(sample.context)
            sample = await asyncio.to_thread(cut, sample, side, limit=lm.window, count=subject.count)
            left_out = f"{side}: {whole - len(sample.context):,} of {whole:,} characters"
            tokens = await asyncio.to_thread(subject.count, sample.prompt, sample.start)
        reserved = self._purse.reserve(tokens, sample.max_tokens)
        began = time.perf_counter()
        try:
            reply = await lm(
                subject.messages(sample, apart=self._source.manifest.agnostic),
                max_tokens=sample.max_tokens,
                seed=self._source.manifest.seed,
                on_text=self._brake.check,
            )
        except OverLength:
            self._purse.pay(reserved, 0, 0)
            return self._row(job, sample, tokens=tokens, status="over", cut=left_out)
        except BaseException:
            self._purse.pay(reserved, 0, 0)
            raise
        seconds = time.perf_counter() - began
        self._purse.pay(reserved, reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens)
        return self._answered(job, sample, reply, seconds=seconds, cut=left_out)

    def _answered(self, job: Job, sample: Sample, reply: Reply, *, seconds: float, cut: str) -> Row:
        score = self._source.task(job.task).rule.grade(reply.text, sample)
        usage = reply.usage
        return self._row(
            job,
            sample,
            tokens=usage.prompt_tokens,
            cut=cut,
            prediction=reply.text,
            score=float(score),
            finish=reply.finish,
            reply_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            seconds=round(seconds, 3),
            first_seconds=round(reply.first_seconds, 3),
            kv_bytes=usage.kv_bytes,
        )

    def _row(self, job: Job, sample: Sample, **more: object) -> Row:
        task, subject = self._source.task(job.task), self._subject
        fields: dict[str, Any] = {
            "sample": sample.id,
            "task": job.task,
            "ability": task.card.ability,
            "rule": task.rule.name,
            "index": job.index,
            "length": job.length,
            "depth": sample.depth,
            "group": sample.group,
            "seed": self._source.manifest.seed,
            "model": subject.name,
            "digest": subject.digest,
            "method": subject.method,
            "agnostic": self._source.manifest.agnostic,
            **more,
        }
        return Row(**fields)

    def _key(self, job: Job) -> str:
        return key(job.task, job.length, job.index, self._subject.method)


def check_lengths(manifest: Manifest, window: int) -> None:
    """InputError where a length asked for is over the window: no sample of it could be sent."""
    over = [length for length in manifest.lengths if length > window]
    if over and not manifest.cut:
        raise InputError(
            f"{', '.join(f'{length:,}' for length in over)} tokens are more than the window of {window:,}: leave them "
            'out of --lengths, extend the model with --method (such as "rope=yarn:factor=2"), or say where to cut '
            "with --cut middle"
        )


def check_judged(source: Source) -> None:
    """InputError where a task is scored by a judge's verdicts: replies made here have none."""
    judged = [name for name in source.manifest.tasks if source.task(name).card.judged]
    if judged:
        raise InputError(
            f"{', '.join(judged)} cannot be measured: a judge's verdict on each reply is needed. Leave out "
            f"what is judged, or have replies judged and use `longspan score {judged[0]} --predictions FILE`"
        )


def _first(group: BaseExceptionGroup) -> BaseException:
    """The first failure that is not just the others being stopped."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if not isinstance(error, Stopped | asyncio.CancelledError):
            return error
    return group.exceptions[0]
