"""CNNSum's ROUGE-L over Chinese words, as in CxsGhost/CNNSum `Inference.py`."""

from __future__ import annotations

import warnings

from longspan.core.errors import InputError
from longspan.evals.metrics.rouge_pypi import rouge_l
from longspan.evals.task import Rule, Sample


def chinese_words(text: str) -> str:
    """A text with its Chinese words apart, by jieba; InputError where that is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its source has escapes and imports that newer Pythons warn of
            import jieba
    except ImportError as error:
        raise InputError("Chinese words are told apart by jieba: pip install 'longspan[chinese]'") from error
    jieba.setLogLevel("ERROR")
    return " ".join(jieba.cut(text, cut_all=False))


def grade(prediction: str, sample: Sample) -> float:
    """F of ROUGE-L; 0 for replies that are empty, dots alone, or without a sentence (the official code stops there)."""
    if set(prediction) <= {"."}:
        return 0.0
    return rouge_l(chinese_words(prediction), chinese_words(sample.answers[0])).f


ROUGE_L_ZH = Rule("cnnsum.rouge_l", grade, "CxsGhost/CNNSum 994a7f9")
