"""Progress of a download that another program writes: the bytes it has written so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from longspan.core.progress import Progress
from longspan.models.disk import occupied


@contextmanager
def watched(folder: Path, *, stage: str, before: int, total: int, progress: Progress) -> Iterator[None]:
    """Report `before` plus the bytes in `folder`, a few times a second and from a thread of its own, until the end."""
    over = Event()

    def look() -> None:
        while not over.wait(0.2):
            here = before + occupied(folder)
            progress(stage, min(here, total) if total else here, total, "bytes")

    watcher = Thread(target=look, name="longspan-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
