"""Say where an answer stands, and say so when it stands nowhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longbio import CITED, TWINS
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longbio.people import (
    ATTRIBUTES,
    PAPER,
    crowd,
    gather,
    people,
    question,
    tell,
    where,
)
from longspan.evals.tasks.longbio.reading import answer, asked, read

UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Citation:
    """LongBioBench citation: name the biographies that answers are from. https://arxiv.org/abs/2506.02921

    Differs from the paper: no examples are shown, the question says how to cite.
    """

    needles: int = 1
    """People who are asked for, all for the same attribute."""

    rule: ClassVar[Rule] = CITED

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="give the numbers of the biographies that answers are from",
            ability="trust",
            scope="low",
            diffusion="high",
            paper=PAPER,
            shortest=512,
            tokens=40 * self.needles,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; a single person lies at the depth asked for, several anywhere, in the order of the questions."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 16)

    def solve(self, sample: Sample) -> str:
        """The attribute of every person named, and the number of the biography."""
        told = read(sample.context)
        questions = [text for text in sample.after.split("\n") if text.endswith("?")]
        return "\n".join(f"{answer(told, text)} [{told[asked(text)[1]].number}]" for text in questions)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        everybody = people(random)
        attribute = random.choice(ATTRIBUTES)
        wanted = list(islice(everybody, self.needles))
        bios = [tell(random, each) for each in wanted]
        others = crowd(random, everybody, size)
        context, starts = gather(ask, random, bios, others, group=self.needles, numbered=True)
        rows = [context[:start].count("\n") + 1 for start in starts]
        spans = [where(bio, attribute, start) for bio, start in zip(bios, starts, strict=True)]
        questions = "\n".join(question(attribute, each.name) for each in wanted)
        return ask.sample(
            before="Each line below has a number in brackets and tells about one person. Read all of them to answer "
            "what is asked at the end.\n\n",
            context=context,
            after=f"\n\n{questions}\nAnswer{' in turn, one answer a line' if self.needles > 1 else ''}. After "
            "each answer give the number of the line that it is from in brackets, such as [7].",
            start="Answer:",
            answers=[each.facts[attribute] for each in wanted],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context) if self.needles == 1 else None,
            spans=spans,
            data={"citations": rows},
        )


@dataclass(frozen=True, slots=True)
class Unstated:
    """LongBioBench IDK: answer what is stated and nothing else. https://arxiv.org/abs/2506.02921

    Samples come in twos, alike but for the sentence that has the answer: every second sample lacks it. Both together
    count once. Differs from the paper: both have the same question, where the paper's tells only the second model
    input that an answer may be missing.
    """

    rule: ClassVar[Rule] = TWINS
    card: ClassVar[Card] = Card(
        about="answer where the text has the answer, and say that it is not stated where it has not",
        ability="trust",
        scope="low",
        diffusion="high",
        paper=PAPER,
        shortest=512,
        tokens=32,
    )

    def make(self, ask: Ask) -> Sample:
        """One sample; the person of both twins lies at the same depth."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 16)

    def solve(self, sample: Sample) -> str:
        """The attribute of the person named where the text has it."""
        return answer(read(sample.context), sample.after.strip().split("\n")[0], default=f"It is {UNSTATED}.")

    def _build(self, ask: Ask, size: int) -> Sample:
        pair = replace(ask, index=ask.index // 2)
        random = replace(pair, settings=f"{ask.settings} twins").random()
        everybody = people(random)
        attribute = random.choice(ATTRIBUTES)
        wanted = next(everybody)
        bio = tell(random, wanted)
        span = bio[attribute]
        if ask.index % 2:
            del bio[attribute]
            span = bio[""]
        context, (start,) = gather(pair, random, [bio], crowd(random, everybody, size))
        first = context.index(span, start)
        return ask.sample(
            before="Each line below tells about one person. Read all of them to answer what is asked at the end.\n\n",
            context=context,
            after=f"\n\n{question(attribute, wanted.name)}\nReply with the answer alone, in the words of the text. If "
            f"the text does not have it, reply: The answer is {UNSTATED}.",
            start="Answer:",
            answers=[UNSTATED if ask.index % 2 else wanted.facts[attribute]],
            max_tokens=self.card.tokens,
            depth=first / len(context),
            spans=[(first, first + len(span))],
            group=replace(pair, settings=f"{ask.settings} twins").id,
        )


TASKS = {"longbio/citation_1": Citation(), "longbio/citation_2": Citation(2), "longbio/idk": Unstated()}
