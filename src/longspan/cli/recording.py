"""Every long command leaves a line in the list of runs, however it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def recorded(command: str, settings: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Note that a command began and how it ended; what it puts into the mapping is its result."""
    from longspan.archive import Archive

    archive, result = Archive(), dict[str, Any]()
    run, status = archive.start(command, settings), "failed"
    try:
        yield result
        status = "done"
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        archive.finish(run, result, status=status)
