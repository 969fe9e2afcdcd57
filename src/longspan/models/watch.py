"""Progress of a download that another program writes: the bytes it has written so far."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from longspan.models.disk import occupied


@contextmanager
def watched(folder: Path, report: Callable[[int], None], *, most: int = 0) -> Iterator[None]:
    """Report the bytes in `folder` a few times a second, from a thread of its own, until the end.

    The number never falls, though programs move and delete what they wrote, and never passes `most` (0: no limit).
    """
    over = Event()

    def look() -> None:
        seen = 0
        while not over.wait(0.2):
            here = occupied(folder)
            seen = max(seen, min(here, most) if most else here)
            report(seen)

    watcher = Thread(target=look, name="longspan-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
