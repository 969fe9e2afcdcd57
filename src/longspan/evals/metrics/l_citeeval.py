"""L-CiteEval's rules, as in ZetangForward/L-CITEEVAL `script/eval_correct.py` and `eval_citation.py`.

Both scripts group samples by length and lose those outside 0 to 48,000 tokens: in correctness they count as wrong (so
do lengths that are multiples of 8,000), in citations they are left out. Where the scripts stop with an exception (an
empty list, a reference that is a list of summaries), the score here is that of the other branch or 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from longspan.core.errors import InputError
from longspan.evals.metrics import citations
from longspan.evals.metrics.citations import Citations, Entails, Nli
from longspan.evals.metrics.overlap import word_f1
from longspan.evals.metrics.rouge import distinct_rouge_l, distinct_rouge_n
from longspan.evals.task import Graded, Rule, Sample

ORIGIN = "ZetangForward/L-CITEEVAL 6e49326"
Measure = Literal["recall", "precision", "f1"]
LONGEST, BUCKET = 48_000, 8_000
_BREAK = re.compile(r"""(?<=[.!?])["')\]]*\s+(?=["'(\[]?[A-Z0-9])|\n+""")


def answer(prediction: str) -> str:
    """The first line of a reply, without citations."""
    return citations.without_citations(prediction.strip().split("\n")[0])


def f1(prediction: str, sample: Sample) -> float:
    """The best token F1 over the references, lower case without punctuation and articles."""
    return word_f1(answer(prediction), sample.answers)


def summary(prediction: str) -> str:
    """The first line of a summary, without citations and what precedes a colon where it announces a summary."""
    text = prediction.strip()
    if "summary" in text[:100].lower():
        text = text.partition(":")[2].strip()
    return citations.without_citations(text.split("\n")[0])


def rouge_l_f(prediction: str, sample: Sample) -> float:
    """The best ROUGE-L over the references."""
    return max(distinct_rouge_l(summary(prediction), reference).f for reference in sample.answers)


def rouge_1_recall(prediction: str, sample: Sample) -> float:
    """The best ROUGE-1 recall over the references: needles."""
    return max(distinct_rouge_n(answer(prediction), reference, 1).recall for reference in sample.answers)


def stars(prediction: str, sample: Sample) -> float:
    """Counts among the first that are right, over how many there are; one right count said twice counts twice."""
    wanted = list(sample.data["counts"])
    said = _json(prediction).get("little_penguin")
    return sum(count in wanted for count in said[: len(wanted)]) / len(wanted) if isinstance(said, list) else 0.0


def needle_citations(prediction: str, sample: Sample) -> Citations:
    """Recall 1 where one of the first three citations of the first line is the needle's passage (`data["gold"]`)."""
    ids = citations.cited(prediction.strip().split("\n")[0])[: citations.AT_MOST]
    gold = list(sample.data["gold"])
    return Citations(1.0, 1 / len(ids), 2 / (len(ids) + 1)) if set(gold) & set(ids) else citations.NOTHING


def star_citations(prediction: str, sample: Sample) -> Citations:
    """The distinct passages named against those that count stars (`data["gold"]`)."""
    named = _json(prediction).get("passage_id")
    distinct = list({repr(id_): id_ for id_ in named}.values()) if isinstance(named, list) else []
    ids = [id_ - 1 if isinstance(id_, int) else -1 for id_ in distinct]
    return citations.of_gold(ids, list(sample.data["gold"]))


def sentences(text: str) -> list[str]:
    """Sentences of a reply. Differs from the official code, which takes NLTK's trained splitter."""
    return [part.strip() for part in _BREAK.split(text.strip()) if part.strip()]


def judged_citations(nli: Nli | None) -> Callable[[str, Sample], Citations | None]:
    """Citations over passages (`data["docs"]`) judged by `nli`, or by the record's verdicts (`data["entailments"]`).

    InputError where there is neither.
    """

    def grade(prediction: str, sample: Sample) -> Citations | None:
        docs, said = [_passage(doc) for doc in sample.data["docs"]], sentences(prediction)
        if nli is not None:
            return citations.score(said, len(docs), citations.by_model(said, docs, nli))
        verdicts = sample.data.get("entailments")
        if verdicts is None:
            raise InputError(f"{sample.task} is scored by a model of entailment: put `entailments` into the records")
        return citations.score(said, len(docs), by_record(verdicts, sample.task))

    return grade


def by_record(verdicts: Iterable[Mapping[str, Any]], task: str) -> Entails:
    """Entailment as a prediction record says: entries of `sentence` (from 1), `passages` (as cited) and `entails`."""
    known = {(tuple(entry["passages"]), int(entry["sentence"])): bool(entry["entails"]) for entry in verdicts}

    def entails(ids: tuple[int, ...], number: int) -> bool:
        key = (tuple(id_ + 1 for id_ in ids), number + 1)
        if key not in known:
            raise InputError(
                f"{task}: `entailments` does not say whether passages {list(key[0])} entail sentence {key[1]}: "
                "ask a model and put the verdict into the record"
            )
        return known[key]

    return entails


def citation_rule(measure: Measure, score: Callable[[str, Sample], Citations | None], *, of: str = "") -> Rule:
    """A rule for one of the three numbers of citations; replies that `score` finds no sentence in are left out.

    `of` tells apart the names of rules with other scores.
    """

    def grade(prediction: str, sample: Sample) -> float:
        found = score(prediction, sample) or citations.NOTHING
        return {"recall": found.recall, "precision": found.precision, "f1": found.f1}[measure]

    def total(graded: Sequence[Graded]) -> float:
        counted = [each for each in graded if cited_length(each.sample)]
        kept = [each.score for each in counted if each.score or score(each.prediction, each.sample) is not None]
        return sum(kept) / len(kept) if kept else 0.0

    return Rule(f"l_citeeval.{of}citation_{measure}", grade, ORIGIN, total)


def cited_length(sample: Sample) -> bool:
    """Whether the script for citations finds a group for the sample's length (`data["length"]`; unknown: yes)."""
    return int(sample.data.get("length", 1)) < LONGEST or _long_news(sample)


def answered(graded: Sequence[Graded]) -> float:
    """The sum over samples whose length has a group, over all samples."""
    return sum(each.score for each in graded if _grouped(each.sample)) / len(graded) if graded else 0.0


def _grouped(sample: Sample) -> bool:
    length = int(sample.data.get("length", 1))
    return (0 < length < LONGEST and length % BUCKET != 0) or _long_news(sample)


def _long_news(sample: Sample) -> bool:
    return "multi_news" in sample.task and int(sample.data.get("length", 1)) > LONGEST - BUCKET


def _passage(doc: str | Mapping[str, str]) -> str:
    return f"Passage: {doc}" if isinstance(doc, str) else f"Title: {doc['title']}\nPassage: {doc['text']}"


def _json(prediction: str) -> dict[str, Any]:
    """The first object of braces in a reply; empty where there is none that is JSON."""
    start, end = prediction.find("{"), prediction.find("}")
    try:
        value = json.loads(prediction[start : end + 1]) if -1 < start < end else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


F1 = Rule("l_citeeval.f1", f1, ORIGIN, answered)
ROUGE_L = Rule("l_citeeval.rouge_l", rouge_l_f, ORIGIN, answered)
ROUGE_1 = Rule("l_citeeval.rouge_1_recall", rouge_1_recall, ORIGIN, answered)
STARS = Rule("l_citeeval.accuracy", stars, ORIGIN, answered)
