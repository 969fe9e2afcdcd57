"""Text that grows token by token and is, put together, exactly the text of all tokens."""

from __future__ import annotations

from collections.abc import Callable

_UNKNOWN = "\ufffd"
_WINDOW = 24
"""Tokens looked at without reaching a whole character before the oldest are let go."""
_TAIL = 8
"""Tokens kept then: at least two characters of four bytes, so that both windows agree on how the text ends."""


class TextStream:
    """Turns tokens into text as they come; `decode` is the tokenizer's, and cleans nothing up.

    Only a short window of tokens is decoded again for each new one: the tokens of the last piece, because decoders
    treat the start of a text differently, and those that wait for the rest of a character.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._text = ""
        self._context = 0
        self._shown = 0

    def push(self, token: int) -> str:
        """Take a token; return the new text, empty while a character is incomplete."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if text and text == self._text and not self._decode([token]):
            self._tokens.pop()  # A token without text, such as a special one: it would push others out of the window.
            return ""
        self._text = text
        whole = len(text.rstrip(_UNKNOWN))
        if len(self._tokens) - self._context > _WINDOW:
            return self._let_go(text)
        new, self._shown = text[self._shown : whole], max(self._shown, whole)
        if new and whole == len(text):
            del self._tokens[: self._context]
            self._text = self._decode(self._tokens)
            self._context, self._shown = len(self._tokens), len(self._text)
        return new

    def flush(self) -> str:
        """Return what still waits, when no more tokens come, and begin anew."""
        new = self._decode(self._tokens)[self._shown :]
        self._tokens, self._text, self._context, self._shown = [], "", 0, 0
        return new

    def _let_go(self, text: str) -> str:
        """Pass on broken bytes, all but the last, which may still become a character; forget the oldest tokens."""
        end = max(self._shown, len(text) - text.endswith(_UNKNOWN))
        new = text[self._shown : end]
        del self._tokens[:-_TAIL]
        self._text = self._decode(self._tokens)
        self._context, self._shown = 0, max(0, len(self._text) - (len(text) - end))
        return new
