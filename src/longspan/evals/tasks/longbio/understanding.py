"""Find what biographies say: in standard words, in other words, or in the first person."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longbio import IN_ORDER
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longbio.people import (
    ATTRIBUTES,
    PAPER,
    Form,
    crowd,
    gather,
    people,
    question,
    tell,
    where,
)
from longspan.evals.tasks.longbio.reading import answer, read


@dataclass(frozen=True, slots=True)
class Understanding:
    """LongBioBench understanding: tell an attribute of some people among many. https://arxiv.org/abs/2506.02921"""

    needles: int = 1
    """People who are asked for, all for the same attribute; the answers count together or not at all."""
    form: Form = "standard"
    """How facts are worded: always alike, in changing words, or by the people themselves."""
    density: float = 1.0
    """The share of the other people whose biographies state the attribute too."""

    rule: ClassVar[Rule] = IN_ORDER

    @property
    def card(self) -> Card:
        """What it is."""
        several = self.needles > 1
        return Card(
            about=f"tell a fact about {f'each of {self.needles} people' if several else 'one person'} among many",
            ability="understanding" if self.form != "standard" else "retrieval",
            scope="low",
            diffusion="high",
            paper=PAPER,
            shortest=2048 if self.needles > 5 else 1024 if self.needles > 2 else 512,
            tokens=32 * self.needles,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; a single person lies at the depth asked for, several anywhere, in the order of the questions."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 16)

    def solve(self, sample: Sample) -> str:
        """The attribute of every person named."""
        told = read(sample.context)
        return "; ".join(answer(told, asked) for asked in sample.after.split("\n") if asked.endswith("?"))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        everybody = people(random)
        attribute = random.choice(ATTRIBUTES)
        wanted = list(islice(everybody, self.needles))
        bios = [tell(random, each, form=self.form) for each in wanted]
        others = crowd(random, everybody, size, form=self.form, rare=attribute, density=self.density)
        context, starts = gather(ask, random, bios, others, group=self.needles)
        asked = "\n".join(question(attribute, each.name) for each in wanted)
        how = "Answer all of them in turn, one answer a line" if self.needles > 1 else "Reply with the answer alone"
        spans = [where(bio, attribute, start) for bio, start in zip(bios, starts, strict=True)]
        return ask.sample(
            before="Each line below tells about one person. Read all of them to answer what is asked at the end.\n\n",
            context=context,
            after=f"\n\n{asked}\n{how}, in the words of the text.",
            start="Answer:",
            answers=[each.facts[attribute] for each in wanted],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context) if self.needles == 1 else None,
            spans=spans,
        )


TASKS = {
    **{f"longbio/standard_{needles}": Understanding(needles) for needles in (1, 2, 5, 10)},
    "longbio/paraphrase": Understanding(form="paraphrase"),
    "longbio/pronoun": Understanding(form="first person"),
}
