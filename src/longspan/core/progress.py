"""How long work tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then by anything long; the command line draws it, a library user may ignore it."""

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        """Say that `done` of `total` units (tokens, bytes, pages...) of a stage are finished; total 0 is unknown."""
        ...


def silent(stage: str, done: int, total: int, unit: str) -> None:
    """Report nothing."""
