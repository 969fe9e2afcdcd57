"""Stop strings in text that arrives in pieces, wherever the pieces are cut."""

from __future__ import annotations

from collections.abc import Sequence


class StopWatcher:
    """Passes text on until a stop string; text that may be the start of one waits.

    The stop string that is complete first wins, of two that end together the longer; none of it is passed on.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        if isinstance(stops, str) or "" in stops:
            raise ValueError("a stop string is empty or stands alone: give a list of texts of at least one character")
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False
        """Whether a stop string came; nothing is passed on afterwards."""

    def feed(self, piece: str) -> str:
        """Take the next piece; return the text that is now certain not to belong to a stop string."""
        if self.stopped:
            return ""
        text = self._held + piece
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what still waits, when no more text comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of the text that begin the stop string."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
