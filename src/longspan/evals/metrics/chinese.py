"""Words of Chinese, which has no spaces between them, as jieba cuts them."""

from __future__ import annotations

import warnings

from longspan.core.errors import InputError


def segment(text: str) -> list[str]:
    """The words of a text in their order; InputError where jieba is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its source has escapes and imports that newer Pythons warn of
            import jieba
    except ImportError:
        raise InputError("Chinese words are cut by jieba: install it with `pip install 'longspan[chinese]'`") from None
    jieba.setLogLevel("ERROR")
    return list(jieba.cut(text, cut_all=False))


def spaced(text: str) -> str:
    """A text with a space between its words."""
    return " ".join(segment(text))
