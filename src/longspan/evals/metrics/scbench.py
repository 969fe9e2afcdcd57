"""SCBench's rules, which it took from InfiniteBench and RepoQA and changed. https://arxiv.org/abs/2412.10319"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import exp, isfinite, log
from typing import Any

from longspan.evals.metrics.overlap import f1, normalize_chinese
from longspan.evals.metrics.rouge import ngrams, rouge_l_lines
from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "microsoft/MInference fb56c91"
Grader = Callable[[str, Any], float]
"""A reply and the reference as the data has it, to a score."""
SIMILAR = 0.8
"""Similarity from which a function counts as found."""
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_BLOCK = re.compile(r"^```(?:\w+)?\s*\n(.*?)(?=^```)```", re.DOTALL | re.MULTILINE)
_PREFIXES = ("answer is:", "answer:", "answer is", "option is")
_MARKS = str.maketrans(dict.fromkeys("\n\"'.,?!{}", " "))


def inside(reply: str, label: Any) -> float:
    """1 when the reference occurs in the reply, its case included."""
    return float(str(label) in reply)


def first_integer(reply: str, label: Any) -> float:
    """1 when the first run of digits is the reference, compared as texts (a reference that is a number never is)."""
    found = re.search("[0-9]+", reply)
    return float((label[0] if isinstance(label, list) else label) == (found[0] if found else ""))


def first_number(reply: str, label: Any) -> float:
    """1 when the first number is the reference, cut to a whole one where that is whole. Quirk kept: no sign is read."""
    wanted = label[0] if isinstance(label, list) else label
    found = _NUMBER.search(reply)
    if not found:
        return 0.0
    value = float(found[0])
    return float((int(value) if isinstance(wanted, int) and isfinite(value) else value) == wanted)


def any_inside(reply: str, label: Any) -> float:
    """1 when any item of the reference occurs in the reply, whatever the case.

    Quirk kept: the items of a reference that is a text are its characters, so that nearly any reply is right. The
    references of many_shot are such.
    """
    text = reply.strip().upper()
    return float(any(item.upper() in text for item in label))


def all_inside(reply: str, label: Any) -> float:
    """Share of the reference's items that occur in the reply, to two decimals."""
    return round(sum(item.lower() in reply.lower() for item in label) / len(label), 2) if label else 0.0


def choice(reply: str, label: Any) -> float:
    """1 when the reply chooses the right option; the reference is its text and its letter.

    The first character where it is A to D, else the whole reply, else what follows "answer is" and the like, else
    the first word that is part of "ABCD". Quirks kept: "A wonderful man" chooses A; only the first phrase counts.
    """
    text = reply.strip()
    if not text:
        return 0.0
    if text[0] in "ABCD":
        return float(text[0] in label)
    if text in label:
        return 1.0
    text = re.sub(" {2,}", " ", text.translate(_MARKS))
    for prefix in _PREFIXES:
        if (at := text.find(prefix)) >= 0:
            after = text[at + len(prefix) + 1 :]
            return float(any(after.startswith(item) for item in label))
    word = next((word for word in text.split() if word in "ABCD"), "")
    return float(bool(word) and word in label)


def chinese_f1(reply: str, label: Any) -> float:
    """F1 of characters without punctuation and spaces. Quirk kept: the best over the characters of a text reference."""
    ours = normalize_chinese(reply)
    return max((f1(ours, normalize_chinese(item)) for item in label), default=0.0)


def rouge_l_sum(reply: str, label: Any) -> float:
    """F of rouge_score's rougeLsum without stemmer; sentences are lines."""
    return rouge_l_lines(reply, str(label))


def similarity(reply: str, function: str) -> float:
    """BLEU-4 of words between spaces, of the reply's first code block or all of it, smoothed as NLTK's method 4."""
    block = _BLOCK.search(reply.strip())
    ours, theirs = (block[1] if block else reply).split(), function.split()
    if not ours:
        return 0.0
    logs, zeros = 0.0, 0
    for n in range(1, 5):
        both, total = (ngrams(ours, n) & ngrams(theirs, n)).total(), max(1, len(ours) - n + 1)
        if not both and n == 1:
            return 0.0
        if not both and len(ours) > 1:
            zeros += 1
        share = both / total if both else log(len(ours)) / (5 * 2**zeros) / total
        logs += log(share) / 4 if share else 0.0
    return min(1.0, exp(1 - len(theirs) / len(ours))) * exp(logs)


def by_turns(graded: Sequence[Graded]) -> float:
    """The mean over subtasks of the mean over turns of the mean; officially each is reported by itself."""
    subtasks: dict[str, list[Graded]] = {}
    for each in graded:
        subtasks.setdefault(str(each.sample.data["task"]), []).append(each)
    return _mean([_turns(_found(items) if task == "repoqa" else items) for task, items in subtasks.items()])


def _turns(graded: Sequence[Graded]) -> float:
    turns: dict[Any, list[Graded]] = {}
    for each in graded:
        turns.setdefault(each.sample.data["turn"], []).append(each)
    return _mean([mean(turn) for turn in turns.values()])


def _found(graded: Sequence[Graded]) -> list[Graded]:
    """Functions that are found: at least 0.8 similar, and no other asked for in the repository is more so."""
    needles: dict[Any, list[tuple[Any, str]]] = {}
    for each in graded:
        data = each.sample.data
        needles.setdefault(data["repo"], []).append((data["name"], str(data["label"])))
    scored = []
    for each in graded:
        best, similar = None, 0.0
        for name, function in needles[each.sample.data["repo"]]:
            if (found := similarity(each.prediction, function)) > similar:
                best, similar = name, found
        hit = best == each.sample.data["name"] and similar >= SIMILAR
        scored.append(Graded(each.sample, each.prediction, float(hit)))
    return scored


def grade(reply: str, sample: Sample) -> float:
    """The score of a reply by the rule of its subtask."""
    return GRADERS[str(sample.data["task"])](reply, sample.data["label"])


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _alike(reply: str, label: Any) -> float:
    return float(similarity(reply, str(label)) >= SIMILAR)


GRADERS: Mapping[str, Grader] = {
    "kv": inside,
    "prefix_suffix": inside,
    "vt": all_inside,
    "repoqa": _alike,
    "qa_eng": any_inside,
    "qa_chn": chinese_f1,
    "choice_eng": choice,
    "many_shot": any_inside,
    "mf": first_number,
    "summary": rouge_l_sum,
    "passkey": first_integer,
}
RULES = {
    "kv": "scbench.in_match",
    "prefix_suffix": "scbench.in_match",
    "vt": "scbench.string_match_all",
    "qa_eng": "scbench.any_in_match",
    "qa_chn": "scbench.qa_f1_zh",
    "choice_eng": "scbench.choice",
    "many_shot": "scbench.any_in_match",
    "mf": "scbench.first_number",
    "summary": "scbench.rougeLsum",
    "summary_with_needles": "scbench.rougeLsum_and_first_int",
}


def rule(task: str) -> Rule:
    """The rule of a task. Where functions are looked for it is ours: the official one cuts them out with a parser."""
    name = RULES.get(task)
    return Rule(name, grade, ORIGIN, by_turns) if name else Rule(f"longspan.scbench_{task}", grade, total=by_turns)


MANY_SHOT_OURS = Rule(
    "longspan.whole_in_match", lambda reply, sample: any_inside(reply, [str(sample.data["label"])]), total=by_turns
)
