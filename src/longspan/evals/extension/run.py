"""The two things `extend` does with a model before it exports: search a method's numbers, and compare methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.progress import Progress, silent
from longspan.evals.extension.choice import Choice, choose
from longspan.evals.extension.plan import Plan
from longspan.evals.extension.questions import needles, texts
from longspan.evals.extension.standing import TRAINED, Standing, standings
from longspan.evals.extension.trial import fitness, read_all
from longspan.evals.haystack import Haystack
from longspan.evals.journal import Journal
from longspan.evals.search.genetic import Evolution
from longspan.evals.search.quests import SEARCHES, Quest
from longspan.evals.search.recipe import Recipe
from longspan.models.export.scaling import changed_rope
from longspan.models.model import Model

JOURNAL = "trials.sqlite"
SHIFT = 0.75
"""Where pieces that a search is fitted to end between those that methods are compared on."""
NEEDLE, TEXT = "mean loss on the values of hidden needles", "mean loss on the last tokens of real text"


@dataclass(frozen=True)
class Work:
    """A model, the text it is measured on, and where what was found is kept."""

    model: Model
    hay: Haystack
    plan: Plan
    folder: Path
    progress: Progress = silent

    @property
    def journal(self) -> Journal:
        """What was read so far."""
        return Journal(self.folder / JOURNAL)


def compare(work: Work, methods: Sequence[str]) -> tuple[list[Standing], Choice]:
    """Read the plan's questions with the model as trained and with each method, and choose."""
    plan = work.plan
    asked = texts(work.model, work.hay, plan.lengths, plan.documents)
    asked += needles(work.model, work.hay, plan.lengths, plan.needles, seed=plan.seed, progress=work.progress)
    every = [TRAINED, *dict.fromkeys(methods)]
    trials = read_all(work.model, every, asked, work.journal, progress=work.progress)
    found = standings(trials, plan.window)
    return found, choose(found, plan.window, plan.length)


def check_search(name: str) -> None:
    """InputError for a method that has no search."""
    if name not in SEARCHES:
        raise InputError(
            f"--search needs --method with the name of a method that is searched: {choices(name, SEARCHES)}"
        )


def search(work: Work, evolution: Evolution, *, piecewise: bool, command: str) -> Recipe:
    """Search the numbers of the plan's method on text and needles that `compare` does not use."""
    plan = work.plan
    kind = SEARCHES[plan.method]
    if kind.needles:
        asked = needles(
            work.model, work.hay, [plan.length], max(1, plan.needles), seed=plan.seed + 1, progress=work.progress
        )
    else:
        asked = texts(work.model, work.hay, [plan.length], plan.documents, shift=SHIFT)
    measure = partial(fitness, work.model, asked, work.journal)
    _, rope = changed_rope(work.model.network)
    quest = Quest(rope, plan.length, measure, evolution, plan.seed, piecewise, work.progress)
    method, found = kind.run(quest)
    recipe = Recipe(
        method=method,
        search=plan.method,
        command=command,
        seed=plan.seed,
        plan=asdict(evolution),
        model=plan.model,
        digest=plan.digest,
        length=plan.length,
        text=plan.text,
        measured=f"{NEEDLE if kind.needles else TEXT}, {len(asked)} of {plan.length:,} tokens",
        trained=measure(TRAINED),
        before=found.start,
        after=found.fitness,
        evaluations=found.evaluations,
        versions=plan.versions,
    )
    recipe.write(work.folder)
    return recipe
