"""LongBench Pro's rules, as in its `modules/utils.py`: answers are lines, in lower case, after the last "[Answer]".

Summaries are scored half by ROUGE-L and half by the likeness of embeddings of an 8-billion-parameter model; here that
half is left out, and the rule bears our name. Several runs over a question are averaged first, then the questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import log2

from longspan.evals.metrics import overlap
from longspan.evals.metrics.chinese import spaced
from longspan.evals.metrics.rouge import distinct_rouge_l
from longspan.evals.task import Graded, Rule, Sample

ORIGIN = "caskcsg/longcontext 88fbeb8"


def answer_area(prediction: str) -> str:
    """What follows the last "[Answer]", or, where there is none, the last "[答案]", or everything; stripped."""
    for mark in ("[Answer]", "[答案]"):
        if mark in prediction:
            return prediction.rpartition(mark)[2].strip()
    return prediction.strip()


def accuracy(prediction: str, sample: Sample) -> float:
    """1 when the first line is the first reference."""
    return float(_lines(prediction)[0] == _references(sample)[0])


def f1(prediction: str, sample: Sample) -> float:
    """F1 of the sets of lines."""
    return overlap.f1(list(set(_lines(prediction))), list(set(_references(sample))))


def lines_found(prediction: str, sample: Sample) -> float:
    """The share of references that are a line of the reply."""
    ours, theirs = _lines(prediction), _references(sample)
    return sum(answer in ours for answer in theirs) / len(theirs)


def ndcg(prediction: str, sample: Sample) -> float:
    """Gain of the first lines, as many as there are references, over the best there is: n for the first of n
    references, 1 for the last. Of lines that are repeated the last place counts."""
    theirs = _references(sample)
    gains = {answer: len(theirs) - at for at, answer in enumerate(theirs)}
    places = {line: at for at, line in enumerate(_lines(prediction))}
    ranked = sorted(places, key=places.__getitem__)[: len(theirs)]
    best = sorted(gains.values(), reverse=True)
    return _discounted([gains.get(line, 0) for line in ranked]) / _discounted(best)


def pairwise(prediction: str, sample: Sample) -> float:
    """Pairs of references in the right order, over all pairs of lines in the reply; 0 for one line or one reference,
    and for more than 1, which references that are repeated can give."""
    ours, theirs = _lines(prediction), _references(sample)
    if len(ours) < 2 or len(theirs) < 2:
        return 0.0
    places = {line: at for at, line in enumerate(ours)}
    right = sum(places[a] < places[b] for a, b in combinations(theirs, 2) if a in places and b in places)
    score = right / (len(ours) * (len(ours) - 1) // 2)
    return score if score <= 1 else 0.0


def summary(prediction: str, sample: Sample) -> float:
    """The best ROUGE-L, as the package rouge has it, over the references; Chinese is cut into words first."""
    ours = " ".join(prediction.lower().split())
    texts = [ours, *_references(sample)]
    if sample.data.get("language") == "Chinese":
        texts = [spaced(text) for text in texts]
    return max((distinct_rouge_l(texts[0], reference).f for reference in texts[1:]), default=0.0)


def mean_by_question(graded: Sequence[Graded]) -> float:
    """The mean over questions of the mean over the runs of each."""
    runs: dict[str, list[float]] = {}
    for each in graded:
        runs.setdefault(each.sample.group, []).append(each.score)
    return sum(sum(scores) / len(scores) for scores in runs.values()) / len(runs) if runs else 0.0


def _references(sample: Sample) -> list[str]:
    return [" ".join(answer.lower().split()) for answer in sample.answers]


def _lines(prediction: str) -> list[str]:
    return [" ".join(line.split()) for line in answer_area(prediction).lower().split("\n")]


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


NDCG = Rule("longbench_pro.ndcg", ndcg, ORIGIN, mean_by_question)
PAIRWISE = Rule("longbench_pro.pairwise_accuracy", pairwise, ORIGIN, mean_by_question)
ACCURACY = Rule("longbench_pro.accuracy", accuracy, ORIGIN, mean_by_question)
F1 = Rule("longbench_pro.f1", f1, ORIGIN, mean_by_question)
LINES = Rule("longbench_pro.subem", lines_found, ORIGIN, mean_by_question)
SUMMARY = Rule("longspan.longbench_pro_rouge_l", summary, total=mean_by_question)
