"""Every task there is, found in the files of `tasks/` and `benchmarks/`: a module's `TASKS` names what it has."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.evals import benchmarks
from longspan.evals import tasks as generated
from longspan.evals.ask import Generator
from longspan.evals.task import Published, Task


@cache
def generators() -> Mapping[str, Generator]:
    """Tasks that make their samples, by name."""
    return _collect(generated)


@cache
def published() -> Mapping[str, Published]:
    """Tasks of data sets, by name."""
    return _collect(benchmarks)


def everything() -> dict[str, Task]:
    """All tasks by name, sorted."""
    tasks: dict[str, Task] = {**generators(), **published()}
    return dict(sorted(tasks.items()))


def find(name: str) -> Task:
    """The task of a name; InputError with the nearest one."""
    known = everything()
    if name not in known:
        raise InputError(f"unknown task {name!r}: {choices(name, known)} (`longspan tasks` lists them)")
    return known[name]


def select(patterns: Iterable[str]) -> list[str]:
    """Names of tasks that patterns such as `ruler/*` choose, in their order; InputError for one that chooses none."""
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matching = [name for name in everything() if fnmatchcase(name, pattern)]
        if not matching:
            find(pattern)
        chosen |= dict.fromkeys(matching)
    return list(chosen)


def _collect(package: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.ispkg:
            continue
        for name, task in getattr(import_module(module.name), "TASKS", {}).items():
            assert name not in found, f"two tasks are called {name}"
            found[name] = task
    return dict(sorted(found.items()))
