"""Small runs over a scripted model."""

import asyncio

from longspan.evals.manifest import Manifest
from longspan.evals.results import Results
from longspan.evals.run import Runner, Source
from longspan.evals.subject import Subject
from longspan.lm.lm import Message
from longspan.lm.scripted import Scripted

TASK = "ruler/niah_single_1"


def manifest(**changes):
    return Manifest(**{"model": "scripted", "tasks": (TASK,), "lengths": (300, 600), "samples": 3, **changes})


def subject(reply=lambda messages: "7", *, window=8192, parallel=1, method=""):
    lm = Scripted(reply, window=window)
    return Subject(
        lm, "scripted", "d1", method, "cpu", continues=True, parallel=parallel, measure=lambda messages: count(messages)
    )


def count(messages: list[Message]) -> int:
    return sum(len(message.content.split()) for message in messages)


def solver(task):
    """A model that finds the answer in the prompt, as the task's solver does."""
    from longspan.evals.catalog import generators
    from longspan.evals.task import Sample

    def reply(messages):
        text = messages[0].content
        before, _, rest = text.partition("\n\n")
        context, _, after = rest.rpartition("\n\n")
        sample = Sample(task=task, id="", before=before, context=context, after=after, answers=(), max_tokens=9)
        return generators()[task].solve(sample)

    return reply


def run(folder, wanted, asked, **more):
    results = Results(folder)
    asyncio.run(Runner(Source(wanted), asked, results, **more).run())
    return results
