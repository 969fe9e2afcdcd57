"""What a benchmark found, a line of JSON each: a file that is read, compared and kept with the tables made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Found:
    """Values by key; a run that stopped goes on from what its file has.

    Text, where longspan.evals.journal is a database: what tables are made of is kept in the repository.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.values = path, dict[str, Any]()
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self.values.update(json.loads(line))

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def put(self, key: str, value: Any) -> None:
        """Keep a value at once."""
        self.values[key] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({key: value}) + "\n")
