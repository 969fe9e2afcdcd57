"""LongEval's rule for lines, as in DachengLi1/LongChat `longeval/utils.py`, and one of our own for topics."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample


def last_number(prediction: str, sample: Sample) -> float:
    """1 when the last number of the reply is the reference."""
    found = re.findall(r"\d+", prediction)
    digits = found[-1].lstrip("0") if found else ""
    return float(bool(found) and len(digits) < 20 and int(digits or 0) == int(sample.answers[0]))


def names_topic(prediction: str, sample: Sample) -> float:
    """1 when the reply has the topic's words in a row, whatever the case, marks and a leading `the`.

    The official judgement is a model's, which also takes other words for the same topic.
    """
    topic = _plain(sample.answers[0]).removeprefix("the ")
    return float(bool(topic) and f" {topic} " in f" {_plain(prediction)} ")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


LAST_NUMBER = Rule("longchat.last_number", last_number, "DachengLi1/LongChat 4b5faa5", scale=1)
NAMES_TOPIC = Rule("longspan.names_topic", names_topic, scale=1)
