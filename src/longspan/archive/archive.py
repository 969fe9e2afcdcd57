"""The store on disk: `kind/ab/abcd.../` is a finished entry, `archive.sqlite` the runs, `partial/` unfinished work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from longspan.archive import entries
from longspan.archive.ledger import Ledger, Run
from longspan.core.home import home


@dataclass(frozen=True, slots=True)
class Archive:
    """Finished work under one folder; many processes may use it at once and a crash leaves it consistent."""

    root: Path = field(default_factory=home)
    "Folder of the store; made when something is first put into it."

    def get(self, kind: str, key: str) -> Path | None:
        """Folder of a finished entry, or None; an entry whose files changed since it was put is removed and is None."""
        place = entries.place(self.root, kind, key)
        if not place.is_dir():
            return None
        if entries.intact(place):
            return place
        entries.remove(self.root, place)
        return None

    def keys(self, kind: str) -> list[str]:
        """Keys of the finished entries of a kind, in order."""
        return entries.keys(self.root, kind)

    def find(self, kind: str, key: str) -> Path | None:
        """Folder of a finished entry, or None; unlike `get` this neither checks its files nor removes it."""
        place = entries.place(self.root, kind, key)
        return place if place.is_dir() else None

    def remove(self, kind: str, key: str) -> None:
        """Take an entry out, in one step; one that is not there is gone already."""
        entries.remove(self.root, entries.place(self.root, kind, key))
        entries.sweep(self.root)

    def put(self, kind: str, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty folder, then show it whole under this kind and key (see `digest_of`).

        Readers see all of it or nothing. When another process put the same key first, its entry stays.
        """
        place = entries.place(self.root, kind, key)
        entries.sweep(self.root)
        with entries.partial(self.root) as folder:
            write(folder)
            entries.seal(folder)
            entries.publish(folder, place)
        return place

    def start(self, command: str, settings: Mapping[str, object]) -> int:
        """Note that a run began and return its id; it counts as unfinished until `finish`.

        `longspan runs` shows the settings `question`, `files`, `model` and `route` in its table.
        """
        return self._ledger.start(command, settings)

    def finish(self, run: int, result: Mapping[str, object], *, status: str = "done") -> None:
        """Note how a run ended: status done, stopped or failed. A `route` in the result is shown before the setting."""
        self._ledger.finish(run, result, status=status)

    def runs(self, limit: int = 20) -> list[Run]:
        """Return the newest runs, newest first."""
        return self._ledger.newest(limit)

    def run(self, run: int) -> Run:
        """One run by its id; an unknown id is an InputError."""
        return self._ledger.read(run)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.root / "archive.sqlite")
