"""A run in a folder: started, resumed, finished, and compared with the run it repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from longspan.core.errors import InputError
from longspan.evals import manifest as manifests
from longspan.evals.cost import Purse
from longspan.evals.manifest import Manifest, write_outcome, write_rows
from longspan.evals.results import Results
from longspan.evals.row import Row
from longspan.evals.run import Brake, Runner, Source
from longspan.evals.subject import Subject


@dataclass
class Session:
    """One run of a manifest: its folder, its samples' source and its rows."""

    folder: Path
    manifest: Manifest
    source: Source
    results: Results = field(init=False)

    def __post_init__(self) -> None:
        self.results = Results(self.folder)

    def start(self, *, resume: bool) -> int:
        """Make or enter the folder and return how many rows it has; InputError where it holds another run's, or this
        one's and `resume` was not said. A run may be resumed with more samples than before.
        """
        path = self.folder / manifests.FILE
        if not path.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise InputError(f"{self.folder} holds other files: name an empty or new folder with --out")
            self.folder.mkdir(parents=True, exist_ok=True)
            self.manifest.write(self.folder)
            return 0
        stored, _ = Manifest.read(path)
        samples = max(stored.samples, self.manifest.samples)
        if not replace(stored, samples=samples).same_work(self.manifest):
            raise InputError(f"{self.folder} holds a run of other settings (see {path}): name another with --out")
        done = len(self.results.keys())
        if done and not resume:
            raise InputError(
                f"{self.folder} holds {done:,} finished samples of this run: add --resume to go on, or name another "
                "folder with --out"
            )
        self.manifest.write(self.folder)
        return done

    def ask(
        self,
        subjects: Sequence[Subject],
        *,
        brake: Brake,
        purse: Purse | None = None,
        note: Callable[[Row], None] = lambda row: None,
    ) -> None:
        """Ask every subject what has no row yet; whatever happens, finished rows are kept."""
        for subject in subjects:
            asyncio.run(Runner(self.source, subject, self.results, purse=purse, brake=brake, note=note).run())

    def finish(self) -> tuple[list[Row], str]:
        """Write the rows and, where none is missing, the outcome and its digest; the rows and that digest."""
        rows = self.results.rows()
        write_rows(self.folder, rows)
        complete = len(rows) == len(self.source.jobs()) * len(self.manifest.methods)
        outcome = write_outcome(self.folder, rows) if complete else ""
        self.manifest.write(self.folder, outcome)
        return rows, outcome
