"""Ada-LEval's two rules, as in open-compass/Ada-LEval `ada_leval/dataset.py`, and ours for orders."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

from longspan.evals.task import Rule, Sample

ORIGIN = "open-compass/Ada-LEval 2154258"
ORDERS = tuple("".join(order) for order in permutations("1234"))


def designation(prediction: str, choices: int) -> int:
    """The answer a reply names, 0 for none: the highest `A7` in it, else the highest bare number, both also inside
    longer words (`A12` names A1 where there are fewer than twelve), whatever else is said."""
    for prefix in ("A", ""):
        for number in range(choices, 0, -1):
            if f"{prefix}{number}" in prediction:
                return number
    return 0


def said_order(prediction: str) -> Any:
    """What follows the first `Answer:`, read as JSON of any kind; else the one order of 1 to 4 whose digits occur one
    after the other in it; [0, 0, 0, 0] where that is none or several."""
    text = prediction.split("Answer:")[1].strip() if "Answer:" in prediction else prediction
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        found = [order for order in ORDERS if _in_turn(order, text)]
        return [int(digit) for digit in found[0]] if len(found) == 1 else [0, 0, 0, 0]


def best_answer(prediction: str, sample: Sample) -> float:
    """1 when the reply names the right one of `data["choices"]` answers."""
    return float(f"A{designation(prediction, int(sample.data['choices']))}" == sample.answers[0])


def text_sort(prediction: str, sample: Sample) -> float:
    """1 when no place of the order said differs from the right one, as far as both go: `[]` and `[2]` can be right."""
    said = said_order(prediction)
    wanted = json.loads(sample.answers[0])
    return float(isinstance(said, list | str | dict) and all(a == b for a, b in zip(wanted, said, strict=False)))


def whole_order(prediction: str, sample: Sample) -> float:
    """1 when the order said is the right one from first to last."""
    return float(said_order(prediction) == json.loads(sample.answers[0]))


def _in_turn(digits: str, text: str) -> bool:
    at = 0
    for digit in digits:
        at = text.find(digit, at) + 1
        if not at:
            return False
    return True


BEST_ANSWER = Rule("ada_leval.bestanswer", best_answer, ORIGIN)
TEXT_SORT = Rule("ada_leval.textsort", text_sort, ORIGIN)
"""JSON that is no list, text or object ends the original with an error; here it scores 0."""
WHOLE_ORDER = Rule("longspan.textsort", whole_order)
