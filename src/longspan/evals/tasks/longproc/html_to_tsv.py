"""Turn a web page into a table, as in LongProc's HTML to TSV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import plant
from longspan.evals.metrics.longproc import ROW_F1
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, room
from longspan.evals.words import adjectives, names, nouns

SHOWN = {
    "name": '<b class="t">{}</b>',
    "price": '<i class="p">{}</i>',
    "city": '<span class="c">{}</span>',
    "sold by": '<a href="/s/{0}">{0}</a>',
}
"""How each property of an article stands on the page, in this order."""
ARTICLE = re.compile(
    r'<li class="(\w+)"><b class="t">(.*?)</b>(?:<i class="p">(.*?)</i>)?<span class="c">(.*?)</span>'
    r'<a href="/s/.*?">(.*?)</a></li>'
)
KINDS = ("used", "new", "rare")
ASKED = re.compile(r'class "(\w+)".*?columns (.+?), in this order', re.DOTALL)


@dataclass(frozen=True, slots=True)
class HtmlToTsv:
    """LongProc HTML to TSV: copy some properties of some articles of a page into a table, in their order."""

    share: float = 0.5
    """Part of the length that the articles asked for may take; their rows in the reply are shorter."""
    missing: float = 0.1
    """Part of the articles that have no price."""

    rule: ClassVar[Rule] = ROW_F1

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="copy some properties of some articles of a web page into a table",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper=PAPER,
            shortest=512,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets the number of rows, and articles that are not asked for fill what is left."""
        random = ask.random()
        columns = random.sample(list(SHOWN), 3)
        kind = random.choice(KINDS)
        row = {"name": "brave lantern", "price": "EUR 123.45", "city": "Barcelona", "sold by": "Hoffman"}
        number = lines(ask, self.share, _listed(kind, row))
        wanted = [_article(random, self.missing) for _ in range(number)]
        table = _table(columns, wanted)
        most = room(ask, f"```tsv\n{table}\n```")
        return fit(ask, lambda size: self._build(ask, size, kind, wanted, columns, most), guess=ask.length // 64)

    def solve(self, sample: Sample) -> str:
        """The properties of every article of the class asked for."""
        ((kind, columns),) = ASKED.findall(sample.after)
        rows = [
            dict(zip(SHOWN, values, strict=True)) for kept, *values in ARTICLE.findall(sample.context) if kept == kind
        ]
        return f"```tsv\n{_table(columns.split(', '), rows)}\n```"

    def _build(
        self, ask: Ask, size: int, kind: str, wanted: list[dict[str, str]], columns: list[str], most: int
    ) -> Sample:
        random = Random(f"{ask.id} others")
        kinds = [other for other in KINDS if other != kind]
        others = [_listed(random.choice(kinds), _article(random, self.missing)) for _ in range(size)]
        places = sorted(random.randint(0, size) for _ in wanted)
        context, spans = plant(others, [_listed(kind, article) for article in wanted], places, joint="\n")
        return ask.sample(
            before="This is the source of a web page.\n\n<html><body>\n<ul>\n",
            context=context,
            after=f'\n</ul>\n</body></html>\n\nWrite a table of the list items of class "{kind}" and of no others: one '
            f"row an item, in the order of the page, with the columns {', '.join(columns)}, in this order, as the page "
            "has them but without tags. Put a tab between columns and N/A where a price is missing. The first row "
            "names the columns. Fence the table with ```tsv and ```, and write nothing else.",
            answers=(_table(columns, wanted),),
            max_tokens=most,
            spans=spans,
        )


def _article(random: Random, missing: float) -> dict[str, str]:
    price = f"EUR {random.randint(1, 999)}.{random.randint(0, 99):02}"
    return {
        "name": f"{random.choice(adjectives())} {random.choice(nouns())}",
        "price": "" if random.random() < missing else price,
        "city": random.choice(names("cities")),
        "sold by": random.choice(names("last names")),
    }


def _listed(kind: str, article: dict[str, str]) -> str:
    inner = "".join(form.format(article[name]) for name, form in SHOWN.items() if article[name])
    return f'<li class="{kind}">{inner}</li>'


def _table(columns: list[str], articles: list[dict[str, str]]) -> str:
    rows = [columns, *([article[column] or "N/A" for column in columns] for article in articles)]
    return "\n".join("\t".join(row) for row in rows)


TASKS = {"longproc/html_to_tsv": HtmlToTsv(), "longproc/html_to_tsv_brief": HtmlToTsv(share=0.15)}
