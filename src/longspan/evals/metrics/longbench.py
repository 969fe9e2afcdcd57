"""LongBench's rules, as in its `LongBench/metrics.py` and `eval.py`: the best score over the references of a sample.

Quirks that are kept, because published scores have them:
- code is compared by fuzzywuzzy with nothing else installed, which is Python's difflib: in a line of 200 characters
  and more, those that make up more than 1 % do not count. With python-Levenshtein it gives about two points more;
- class names that are part of the reference are taken out of a list while it is walked through, so that of two in a
  row the second one stays;
- ROUGE-L is the package rouge's (`distinct_rouge_l`), which fails at Python's recursion limit and then counts 0. The
  steps at which it does are those of Python 3.11 to 3.13 (one less before). English sentences hardly get there; a
  Chinese text is one sentence for it, for it has no full stop of its kind, and two long ones always get there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher

from longspan.evals.metrics.chinese import segment, spaced
from longspan.evals.metrics.overlap import f1, normalize_chinese, word_f1
from longspan.evals.metrics.rouge import distinct_rouge_l
from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "THUDM/LongBench 2e00731"
DEEPEST, DEEPEST_CHINESE = 991, 990
BUCKETS = {"0-4k": 4000, "4-8k": 8000, "8k+": 0}
"""LongBench-E's lengths in words, or characters of Chinese, below which a sample belongs there; 0: all others."""
_NUMBER = re.compile(r"\d+")
_PARAGRAPH = re.compile(r"(?:Paragraph |段落)(\d+)")

Score = Callable[[str, str, Sample], float]
"""A reply and one reference to a score."""


def qa_f1(prediction: str, answer: str, _: Sample) -> float:
    """SQuAD's F1 of words."""
    return word_f1(prediction, [answer])


def qa_f1_chinese(prediction: str, answer: str, _: Sample) -> float:
    """F1 of the words that jieba cuts, without punctuation."""
    ours, theirs = ([normalize_chinese(word) for word in segment(text)] for text in (prediction, answer))
    return f1([word for word in ours if word], [word for word in theirs if word])


def rouge(prediction: str, answer: str, _: Sample) -> float:
    """ROUGE-L of the package rouge, its recursion limit included."""
    return distinct_rouge_l(prediction, answer, deepest=DEEPEST).f


def rouge_chinese(prediction: str, answer: str, _: Sample) -> float:
    """The same of the words that jieba cuts; 0 for two texts of together about a thousand words, that limit's doing."""
    return distinct_rouge_l(*map(spaced, (prediction, answer)), deepest=DEEPEST_CHINESE).f


def rouge_chinese_unlimited(prediction: str, answer: str, _: Sample) -> float:
    """The same for texts of any length."""
    return distinct_rouge_l(*map(spaced, (prediction, answer))).f


def classification(prediction: str, answer: str, sample: Sample) -> float:
    """One over the number of class names that the reply mentions, when the right one is among them."""
    found = [name for name in sample.data["classes"] if name in prediction]
    for name in found:
        if name in answer and name != answer:
            found.remove(name)
    return 1 / len(found) if answer in found else 0.0


def retrieval(prediction: str, answer: str, sample: Sample) -> float:
    """Of the numbers in the reply, the share that is the paragraph's."""
    paragraph = _PARAGRAPH.search(answer)
    return count(prediction, paragraph[1], sample) if paragraph else 0.0


def count(prediction: str, answer: str, _: Sample) -> float:
    """Of the numbers in the reply, the share that is the reference, digit by digit."""
    numbers = _NUMBER.findall(prediction)
    return numbers.count(answer) / len(numbers) if numbers else 0.0


def code_similarity(prediction: str, answer: str, _: Sample) -> float:
    """Likeness, in whole percents, of the first line without a comment's or quotation's mark."""
    lines = prediction.lstrip("\n").split("\n")
    line = next((line for line in lines if not any(mark in line for mark in ("`", "#", "//"))), "")
    if line == answer:
        return 1.0
    return round(100 * SequenceMatcher(None, line, answer).ratio()) / 100 if line and answer else 0.0


def by_length(graded: Sequence[Graded]) -> Mapping[str, float]:
    """LongBench-E's mean scores by length, 0 to 1, of those lengths that there are."""
    found: dict[str, list[Graded]] = {}
    for each in graded:
        length = each.sample.data["length"]
        found.setdefault(next(name for name, below in BUCKETS.items() if not below or length < below), []).append(each)
    return {name: mean(found[name]) for name in BUCKETS if name in found}


def mean_by_length(graded: Sequence[Graded]) -> float:
    """The mean of LongBench-E's lengths, each as heavy as the others; the official program has no number over them."""
    parts = by_length(graded)
    return sum(parts.values()) / len(parts) if parts else 0.0


def best(score: Score, *, first_line: bool = False) -> Callable[[str, Sample], float]:
    """The best score over the references; `first_line` cuts the reply after its first line that is not empty."""

    def grade(prediction: str, sample: Sample) -> float:
        text = prediction.lstrip("\n").split("\n")[0] if first_line else prediction
        return max((score(text, answer, sample) for answer in sample.answers), default=0.0)

    return grade


QA_F1 = Rule("longbench.qa_f1", best(qa_f1), ORIGIN)
QA_F1_FIRST = Rule("longbench.qa_f1_first_line", best(qa_f1, first_line=True), ORIGIN)
QA_F1_CHINESE = Rule("longbench.qa_f1_zh", best(qa_f1_chinese), ORIGIN)
ROUGE = Rule("longbench.rouge", best(rouge), ORIGIN)
ROUGE_FIRST = Rule("longbench.rouge_first_line", best(rouge, first_line=True), ORIGIN)
ROUGE_CHINESE = Rule("longbench.rouge_zh", best(rouge_chinese), ORIGIN)
ROUGE_CHINESE_UNLIMITED = Rule("longspan.longbench_rouge_zh", best(rouge_chinese_unlimited))
CLASSIFICATION_FIRST = Rule("longbench.classification_first_line", best(classification, first_line=True), ORIGIN)
RETRIEVAL = Rule("longbench.retrieval", best(retrieval), ORIGIN)
COUNT = Rule("longbench.count", best(count), ORIGIN)
CODE = Rule("longbench.code_sim", best(code_similarity), ORIGIN)
