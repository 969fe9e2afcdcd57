"""L-Eval's rules, as in its `Evaluation/auto_eval.py`, `em.py`, `f1.py` and `rouge.py`.

Kept because published scores have it: a letter counts wherever it stands first, as the A of "Answer"; a reply without
a letter chooses A; some right letters of several give a quarter; a text is right when it contains the reference, as
"1230" does 12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from longspan.evals.metrics.overlap import normalize, word_f1
from longspan.evals.metrics.rouge import rouge_l, rouge_n
from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "OpenLMLab/LEval cd34b05"
LETTERS = "ABCD"
_ANSWER = re.compile(r"The answer is (\S+)")
_LISTED = re.compile(r"\s*[A-Z](?=[\s.)])")
_CODE_FILLERS = ("will be", "of the code", "is", "would be", "the value of", "the result of", "printed")


def exact(prediction: str, reference: str) -> float:
    """1 for the same letters, a quarter for some of them; 1 for equal numbers, or a text that contains the reference;
    0 else. Texts are compared without case and spaces, letters without punctuation and articles."""
    letters = normalize(reference)
    if all(letter in LETTERS for letter in letters):
        ours = normalize(prediction)
        return 1.0 if ours == letters else 0.25 if set(ours) <= set(letters) else 0.0
    try:
        return float(float(prediction) == float(reference))
    except ValueError:
        return float(_squeezed(reference) in _squeezed(prediction))


def choice(prediction: str, sample: Sample) -> float:
    """Exact match of the first of the letters A to D in the reply (QuALITY, TPO)."""
    first = next((each for each in prediction if each in LETTERS), "A")
    ours = "None" if not prediction.strip() else prediction if prediction in LETTERS else first
    return exact(ours, _right_letters(sample.answers[0]))


def several(prediction: str, sample: Sample) -> float:
    """Exact match of the set of letters in the reply (Coursera)."""
    ours = "None" if not prediction.strip() else prediction if prediction in LETTERS else _letters(prediction)
    return exact(ours, _right_letters(sample.answers[0]))


def math(prediction: str, sample: Sample) -> float:
    """Exact match of the whole number after "The answer is", else in the first paragraph's last word with a digit."""
    return exact(_whole_number(prediction), _whole_number(sample.answers[0]))


def code(prediction: str, sample: Sample) -> float:
    """The reference in the words after "the final output", or in the reply's last ones: as many as it has and three."""
    reference = sample.answers[0]
    text = _plain_code(prediction)
    for filler in _CODE_FILLERS:
        text = text.replace(filler, "")
    wanted = len(reference.split()) + 3
    _, found, after = text.rpartition("the final output")
    words = re.split(r"\s+", after)[:wanted] if found else re.split(r"\s+", text)[-wanted:]
    return exact(" ".join(words), _plain_code(reference))


def topic(prediction: str, sample: Sample) -> float:
    """The reference in the reply (topic retrieval)."""
    return exact(prediction, sample.answers[0])


def judgement(prediction: str, sample: Sample) -> float:
    """Half for what holds in the document, half for what holds in the world, of `True [fact: False]` (SciFi)."""
    ours, theirs = _judged(prediction), (part.strip() for part in _parts(sample.answers[0]))
    return sum(exact(one, other) for one, other in zip(ours, theirs, strict=True)) / 2


def f1(prediction: str, sample: Sample) -> float:
    """F1 of words."""
    return word_f1(prediction, sample.answers)


def rouge(prediction: str, sample: Sample) -> float:
    """The geometric mean of a sample's ROUGE-1, ROUGE-2 and ROUGE-L; a task's score takes that of their means."""
    return _geometric(_rouge(prediction, sample.answers[0]))


def mean_by_position(graded: Sequence[Graded]) -> float:
    """The mean of the means of every third reply, from the first, second and third on (topic retrieval)."""
    parts = by_position(graded)
    return sum(parts.values()) / len(parts) if parts else 0.0


def by_position(graded: Sequence[Graded]) -> Mapping[str, float]:
    """Mean scores for the first, second and third topic, in the order of the official files: three to a dialogue."""
    thirds = {name: graded[place::3] for place, name in enumerate(("first", "second", "third"))}
    return {name: mean(third) for name, third in thirds.items() if third}


def geometric_mean(graded: Sequence[Graded]) -> float:
    """The geometric mean of the mean ROUGE-1, ROUGE-2 and ROUGE-L."""
    scores = [_rouge(each.prediction, each.sample.answers[0]) for each in graded]
    return _geometric([sum(column) / len(scores) for column in zip(*scores, strict=True)]) if scores else 0.0


@lru_cache(maxsize=4096)
def _rouge(prediction: str, reference: str) -> tuple[float, float, float]:
    return rouge_n(prediction, reference, 1), rouge_n(prediction, reference, 2), rouge_l(prediction, reference)


def _geometric(scores: Sequence[float]) -> float:
    one, two, longest = scores
    return float((one * two * longest) ** (1 / 3))


def _squeezed(text: str) -> str:
    return text.lower().replace(" ", "")


def _letters(prediction: str) -> str:
    """The letters that a reply begins with when these are several, else those that stand before a space, dot or
    bracket up to the word Question, else the first run of letters, else A."""
    rest = prediction.lstrip(LETTERS)
    front = prediction[: len(prediction) - len(rest)]
    if len(front) > 1:
        return "".join(sorted(set(front)))
    rest = rest.split("Question")[0]
    listed = {each for each in front + "".join(_LISTED.findall(rest)) if each in LETTERS}
    run = re.search("[A-D]+", rest)
    return "".join(sorted(listed)) or (run[0] if run else "A")


def _right_letters(reference: str) -> str:
    words = reference.split()
    return "".join(each for each in words[0] if each in LETTERS) or "A" if words else "A"


def _whole_number(text: str) -> str:
    found = _ANSWER.search(text)
    words = reversed(text.split("\n\n")[0].split(" "))
    word = found[1] if found else next((each for each in words if any(map(str.isdigit, each))), "")
    return "".join(filter(str.isdigit, word.partition(".")[0]))


def _plain_code(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    for old, new in ((",", ""), ("'", ""), ("\\", ""), (".0", ""), ("] [", "]["), ("[ [", "[["), ("] ]", "]]")):
        text = text.replace(old, new)
    return text


def _parts(text: str) -> tuple[str, str]:
    pieces = text.lower().split("[fact:")
    return pieces[0], pieces[1][:-1] if len(pieces) > 1 else ""


def _judged(prediction: str) -> list[str]:
    verdicts = ("true", "false")
    return [
        next((verdict for word in part.split() for verdict in verdicts if verdict in word), "<error>")
        for part in _parts(prediction)
    ]


def _rule(name: str, grade: Callable[[str, Sample], float]) -> Rule:
    return Rule(f"l_eval.{name}", grade, ORIGIN)


CHOICE = _rule("exam_choice", choice)
SEVERAL = _rule("exam_several", several)
MATH = _rule("exam_math", math)
CODE = _rule("exam_code", code)
JUDGEMENT = _rule("exam_judgement", judgement)
F1 = _rule("f1", f1)
TOPIC = Rule("l_eval.exam_topic", topic, ORIGIN, mean_by_position, parts=by_position)
ROUGE = Rule("l_eval.rouge_geometric_mean", rouge, ORIGIN, geometric_mean)
