"""NeedleBench's rules, as in open-compass/opencompass `opencompass/datasets/needlebench_v2/`."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

ORIGIN = "open-compass/opencompass a5acc4b"


def keyword(prediction: str, sample: Sample) -> float:
    """1 when the keyword occurs in the reply as it is written; case counts (`origin.py`)."""
    return float(sample.answers[0] in prediction)


def keywords(prediction: str, sample: Sample) -> float:
    """The share of keywords that occur in the reply, wherever; what the mean over depths is (`parallel.py`)."""
    return sum(answer in prediction for answer in sample.answers) / len(sample.answers)


def boxed(prediction: str, sample: Sample) -> float:
    """1 when what the last `\\boxed{}` holds, cleaned, is the answer exactly (`atc_elder_only.py`).

    As there: braces are matched, a last `\\boxed` without one of its own gives nothing even where an earlier one does,
    and an answer that itself has quotes or backslashes can never be met, because only the reply is cleaned.
    """
    return float(_clean(_boxed(prediction)).strip() == sample.answers[0].strip())


def _boxed(text: str) -> str:
    last = text[text.rfind("\\boxed") :] if "\\boxed" in text else ""
    opened = 0
    for index, letter in enumerate(last):
        opened += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "}" and opened == 0:
            answer = last[len("\\boxed{") : index] if last.startswith("\\boxed{") else ""
            double = re.match(r"^\{(.*)\}$", answer)
            return double[1] if double else answer
    return ""


def _clean(answer: str) -> str:
    """An answer without LaTeX commands, backslashes, quotes and runs of white space; `None` for none."""
    if not answer:
        return "None"
    for pattern, kept in ((r"\\text\{([^}]+)\}", r"\1"), (r"\\boxed\{([^}]+)\}", r"\1"), (r"\\[\[\]]", "")):
        answer = re.sub(pattern, kept, answer)
    answer = re.sub(r"\s+", " ", answer.replace("\\", "")).strip()
    return answer.replace('"', "").replace("'", "").replace("~", " ")


KEYWORD = Rule("needlebench.keyword", keyword, ORIGIN)
KEYWORDS = Rule("needlebench.keywords", keywords, ORIGIN)
BOXED = Rule("needlebench.boxed", boxed, ORIGIN)
