"""HELMET's rules for what needs no judge. https://arxiv.org/abs/2410.02694"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from math import log2

from longspan.evals.metrics import overlap
from longspan.evals.metrics.citations import without_citations
from longspan.evals.task import Rule, Sample

ORIGIN = "princeton-nlp/HELMET 4526dfb"
CUT = 10
"""Places of a ranking that count."""
_RANKING = re.compile(r"\d+(?:\s*>\s*\d+)*")


def normalize(text: str) -> str:
    """In lower case, without punctuation, then without articles, single spaces between words."""
    return overlap.normalize(text.lower())


def parsed(reply: str, prefix: str = "Answer:") -> str:
    """What follows the first `prefix` on its line, else the first line; a prefix said twice is dropped."""
    found = re.search(f"{re.escape(prefix)}(.*)", reply, re.IGNORECASE)
    line = (found[1] if found else reply.partition("\n")[0]).strip()
    return re.sub(f"^{re.escape(prefix)}", "", line, flags=re.IGNORECASE).strip()


def substring(reply: str, sample: Sample) -> float:
    """1 when a reference, normalized, occurs in the reply, whole or parsed. Quirk kept: an empty one always does."""
    texts = [normalize(text) for text in (reply, parsed(reply, str(sample.data.get("prefix", "Answer:"))))]
    return float(any(normalize(answer) in text for answer in sample.answers for text in texts))


def label(reply: str, sample: Sample) -> float:
    """1 when what follows `label:` is the reference, both normalized."""
    return float(normalize(parsed(reply, "label:")) in {normalize(answer) for answer in sample.answers})


def recall(reply: str, sample: Sample) -> float:
    """Share of the references that occur in the reply, whatever the case."""
    found = [answer.lower() in reply.lower() for answer in sample.answers]
    return sum(found) / len(found) if found else 0.0


def ranking(reply: str) -> list[str]:
    """The longest chain `3 > 1 > 2` of a reply, each identifier once; brackets, colons and `ID` are ignored.

    Quirk kept: without any number the whole reply is one identifier.
    """
    text = re.sub(r"[\[\]:]", "", reply).lower().replace("id", "")
    chains = _RANKING.findall(text)
    places = [part.strip() for part in max(chains, key=len).split(">")] if chains else [text]
    return list(dict.fromkeys(places))


def ndcg(ranked: Iterable[str], relevance: dict[str, int]) -> float:
    """NDCG of the first 10 as trec_eval has it: the gain is the relevance itself, divided by log2(place + 1)."""
    best = sorted((value for value in relevance.values() if value > 0), reverse=True)
    ideal = _gain(best)
    return _gain([relevance.get(each, 0) for each in ranked]) / ideal if ideal else 0.0


def reranked(reply: str, sample: Sample) -> float:
    """NDCG@10 of the ranking in a reply, to five decimals; the sample's data has `qrel`, pairs of ID and relevance."""
    return round(ndcg(ranking(reply), {str(name): int(value) for name, value in sample.data["qrel"]}), 5)


def cleaned(reply: str) -> str:
    """On one line, as replies with citations are compared."""
    return re.sub(r"\n+", " ", reply).replace("<|im_end|>", "")


def items(text: str) -> list[str]:
    """What stands between the commas of a text, less a full stop at its end."""
    return text.rstrip().rstrip(".").rstrip(",").split(",")


def short_answers(reply: str, sample: Sample) -> float:
    """STR-EM of ASQA: share of the sample's `sets` of short answers one of which occurs, normalized, in the reply."""
    text = normalize(without_citations(cleaned(reply)))
    found = [any(normalize(answer) in text for answer in answers) for answers in sample.data["sets"]]
    return sum(found) / len(found) if found else 0.0


def listed(reply: str, sample: Sample) -> float:
    """Recall of QAMPARI, five being enough: `sets` of aliases one of which is an item of a list between commas."""
    named = {normalize(item) for item in items(without_citations(cleaned(reply)))} - {""}
    found = sum(any(normalize(alias) in named for alias in aliases) for aliases in sample.data["sets"])
    return min(5, found) / min(5, len(sample.data["sets"])) if sample.data["sets"] else 0.0


def _gain(values: Iterable[int]) -> float:
    kept = list(values)[:CUT]
    return sum(max(0, value) / log2(place + 1) for place, value in enumerate(kept, 1))


def _rule(name: str, grade: Callable[[str, Sample], float]) -> Rule:
    return Rule(f"helmet.{name}", grade, ORIGIN)


SUBSTRING = _rule("substring_exact_match", substring)
LABEL = _rule("label_exact_match", label)
RECALL = _rule("ruler_recall", recall)
NDCG = _rule("ndcg_10", reranked)
STR_EM = _rule("str_em", short_answers)
REC_TOP5 = _rule("qampari_rec_top5", listed)
