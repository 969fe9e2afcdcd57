"""LongICLBench's rules, as in TIGER-AI-Lab/LongICLBench: what its `*_infer.py` and `*_evaluate.py` compute.

A sample's `data` has what the official code cuts a reply by: `echo`, the input that a model may repeat, `cue`, the
words before an answer, and `next`, those before a further example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

from longspan.evals.metrics.overlap import harmonic
from longspan.evals.task import Graded, Rule, Sample

ORIGIN = "TIGER-AI-Lab/LongICLBench 9c5da3d"
ENOUGH = 500
"""Relations after which DialogRE's evaluation stops."""
_TINY = 1e-8
_MARKS = re.compile('[\u201c\u201d,."]')
Counts = tuple[int, int, int]
"""What of a reply was predicted, what is to be found, and what is right."""


@cache
def labels(kind: str) -> frozenset[str]:
    """The relations of `tacred` or `dialogre`."""
    text = resources.files("longspan.evals.metrics").joinpath("longicl.txt").read_text(encoding="utf-8")
    return frozenset(text.partition(f"[{kind}]\n")[2].partition("[")[0].split())


def answer(prediction: str, sample: Sample) -> str:
    """The first line of a reply, without the input and the cue where it repeats them, and without further examples."""
    echo, cue, following = (sample.data.get(key, "") for key in ("echo", "cue", "next"))
    repeated = bool(echo) and echo in prediction
    parts = prediction.split(echo)[-1].strip().split(cue) if repeated else []
    text = parts[min(1, len(parts) - 1)] if parts else prediction
    if following and len(parts) != 1:
        text = text.split(following)[0]
    return text.strip().split("\n")[0].strip()


def accuracy(prediction: str, sample: Sample) -> float:
    """1 when the first line is the label, whatever the case."""
    return float(answer(prediction, sample).lower() == sample.answers[0].lower())


def marker_accuracy(prediction: str, sample: Sample) -> float:
    """1 when the first line is the discourse marker, whatever the case, quotes, commas and full stops."""
    found, wanted = (_MARKS.sub("", text).strip().lower() for text in (answer(prediction, sample), sample.answers[0]))
    return float(found == wanted)


def relation_counts(prediction: str, sample: Sample) -> Counts:
    """TACRED. Quirk kept: a reply that is none of the relations does not count as a prediction."""
    found = answer(prediction, sample)
    return int(found in labels("tacred")), 1, int(found == sample.answers[0])


def pairs_counts(prediction: str, sample: Sample) -> Counts:
    """DialogRE: the n-th relation of the reply must contain the n-th reference. Quirks kept: only the first line is
    read, and what contains no known relation does not count as a prediction."""
    echo, cue = sample.data.get("echo", ""), sample.data.get("cue", "")
    reply = prediction.split(echo)[-1].strip() if echo else prediction
    reply = reply.split(cue)[-1].strip() if cue else reply
    line = reply.split("dialogue")[0].split("Dialogue")[0].strip().split("\n")[0].strip().split("[/INST]")[0]
    found, wanted = [part.strip() for part in line.split(",")], sample.answers
    predicted = sum(any(label in part for label in labels("dialogre")) for part in found)
    return predicted, len(wanted), sum(right in part for right, part in zip(wanted, found, strict=False))


def entities(prediction: str, echo: str = "") -> dict[str, str]:
    """`entity: type` lines of a reply up to the first other line. Quirk kept: of more colons, what follows the second
    is lost."""
    text = prediction.split(echo)[-1] if echo else prediction
    found: dict[str, str] = {}
    for line in text.strip().split("\n"):
        if ": " not in line or line.lower().startswith("sentence"):
            break
        name, kind = line.split(": ")[:2]
        found[name] = kind
    return found


def entity_counts(prediction: str, sample: Sample) -> Counts:
    """Few-NERD: entities with their types."""
    found, wanted = entities(prediction, sample.data.get("echo", "")), sample.data["entities"]
    return len(found), len(wanted), sum(wanted.get(name) == kind for name, kind in found.items())


def _f1(counts: Sequence[Counts], tiny: float) -> float:
    predicted, wanted, right = (sum(each[index] for each in counts) for index in range(3))
    precision, recall = (right / (total + tiny) if total + tiny else 0.0 for total in (predicted, wanted))
    return harmonic(precision, recall)


def _rule(name: str, count: Callable[[str, Sample], Counts], enough: int = 0) -> Rule:
    """F1 over the counts of all samples, those after `enough` references left out; of one sample as its grade."""

    def grade(prediction: str, sample: Sample) -> float:
        counts = count(prediction, sample)
        return float(counts[:2] == (0, 0)) or min(1.0, _f1([counts], 0))

    def total(graded: Sequence[Graded]) -> float:
        counts: list[Counts] = []
        for each in graded:
            counts.append(count(each.prediction, each.sample))
            if enough and sum(wanted for _, wanted, _ in counts) >= enough:
                break
        return min(1.0, _f1(counts, _TINY))

    return Rule(name, grade, ORIGIN, total)


ACCURACY = Rule("longicl.accuracy", accuracy, ORIGIN)
MARKER_ACCURACY = Rule("longicl.marker_accuracy", marker_accuracy, ORIGIN)
RELATION_F1 = _rule("longicl.relation_f1", relation_counts)
PAIRS_F1 = _rule("longicl.pairs_f1", pairs_counts, ENOUGH)
ENTITY_F1 = _rule("longicl.entity_f1", entity_counts)
