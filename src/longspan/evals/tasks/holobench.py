"""Database operations over text: HoloBench's six kinds of query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import plant
from longspan.evals.metrics.holobench import CELLS, ROW_RECALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.tables import TABLES, Data, Row, draw, execute, shop_name
from longspan.evals.tasks.templates import pattern

Kind = Literal["count", "aggregate", "extreme", "filter", "top", "join"]
Position = Literal["uniform", "begin", "middle", "end", "bimodal"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question to tables and what answers it."""

    tables: tuple[str, ...]
    question: str
    """With gaps that a row of the tables fills, so that there is an answer."""
    columns: str
    """What the answer's cells are called."""
    sql: str
    work: Callable[[Data, Row], Iterable[tuple[Any, ...]]]
    """The answer in Python, which proves the SQL."""


@dataclass(frozen=True, slots=True)
class HoloBench:
    """HoloBench: answer a database query over rows written as sentences. https://arxiv.org/abs/2410.11996

    Differs from the paper: tables and questions are made here; a program tells which rows were found. "middle" and
    "bimodal" are the paper's: the original code splits one list at half of the other's length.
    """

    kind: Kind
    """Database operation."""
    position: Position = "uniform"
    """Where the rows of the query's tables lie among those of other tables."""
    information: int = 2048
    """Tokens of the query's tables, or half of what the prompt may take where that is less."""

    rule: ClassVar[Rule] = ROW_RECALL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"{ABOUT[self.kind]} over rows of tables written as sentences",
            ability="reasoning" if self.kind == "join" else "aggregation",
            scope="high",
            diffusion="high" if self.position == "uniform" else "low",
            paper="https://arxiv.org/abs/2410.11996",
            shortest=480 + self.information // 8,
            tokens=64 + self.information // 8,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the information is the same at every length that has room for it."""
        query, data = self._query(ask)
        answers = execute(data, query.sql, filling(query, data))
        return fit(ask, lambda size: self._build(ask, size, query, data, answers), guess=ask.length // 40)

    def solve(self, sample: Sample) -> str:
        """The sentences read back into rows, and the question answered from these in Python."""
        asked = sample.after.strip().split("\n")[0]
        found = ((query, pattern(query.question).fullmatch(asked)) for query in QUERIES[self.kind])
        query, gaps = next((query, match.groupdict()) for query, match in found if match)
        lines = sample.context.split("\n")
        data = {name: [row for line in lines if (row := TABLES[name].read(line))] for name in query.tables}
        return "\n".join(CELLS.join(map(str, row)) for row in query.work(data, gaps))

    def _query(self, ask: Ask) -> tuple[Query, Data]:
        """The query, and as many rows of its tables as the information allows."""
        random = ask.random()
        query = random.choice(QUERIES[self.kind])
        trial = said(random, draw(random, query.tables, 32))
        cost = (ask.count("\n".join(trial)) - ask.count(trial[0])) / (len(trial) - 1)
        room = min(self.information, (ask.length - self.card.tokens) // 2)
        return query, draw(random, query.tables, max(8, int(room / cost)))

    def _build(self, ask: Ask, size: int, query: Query, data: Data, answers: list[tuple[Any, ...]]) -> Sample:
        random = ask.random()
        rows = said(random, data)
        random.shuffle(rows)
        others = [name for name in TABLES if name not in query.tables]
        noise = [stray(random, others) for _ in range(size)]
        context, spans = plant(noise, rows, places(self.position, len(rows), size), joint="\n")
        return ask.sample(
            before="Below are sentences about shops, people who work there, trips and books. Take in all of them: "
            "answering needs every sentence that concerns the question.\n\n",
            context=context,
            after=f"\n\n{query.question.format(**filling(query, data))}\nAnswer with one line for each row: "
            f"{query.columns}, with{CELLS}between them. Nothing else.",
            answers=[CELLS.join(map(str, row)) for row in answers],
            max_tokens=self.card.tokens,
            spans=spans,
        )


def said(random: Random, data: Data) -> list[str]:
    """All rows as sentences."""
    return [TABLES[name].say(random, row) for name, rows in data.items() for row in rows]


def stray(random: Random, tables: Sequence[str]) -> str:
    """A row of one of the tables, as a sentence."""
    table = TABLES[random.choice(tables)]
    return table.say(random, table.draw(random, shop_name(random)))


def places(position: Position, rows: int, among: int) -> list[int]:
    """Where rows go in a list of `among` others."""
    start, half = {"begin": 0, "middle": among // 2, "end": among}.get(position, 0), rows // 2
    if position == "uniform":
        return [round((index + 0.5) * among / rows) for index in range(rows)]
    return [among if position == "bimodal" and index >= half else start for index in range(rows)]


def filling(query: Query, data: Data) -> Row:
    """What fills the gaps of a query: the first row of its first table, with the shop that this row names."""
    first = data[query.tables[0]][0]
    return first | next((shop for shop in data.get("shops", []) if shop["shop"] == first["shop"]), {})


def grouped(rows: Iterable[Row], by: str, of: str | None = None) -> list[tuple[Any, ...]]:
    """How many rows share each value of a column, or the sum of another column over these."""
    found: dict[Any, int] = {}
    for row in rows:
        found[row[by]] = found.get(row[by], 0) + (row[of] if of else 1)
    return list(found.items())


def joined(data: Data) -> list[Row]:
    """People together with the shops that they work at."""
    return [worker | shop for worker in data["staff"] for shop in data["shops"] if worker["shop"] == shop["shop"]]


def highest(rows: Iterable[Row], name: str, number: str, n: int) -> list[tuple[Any, ...]]:
    """The rows with the `n` highest numbers."""
    return sorted(((row[name], row[number]) for row in rows), key=lambda pair: -pair[1])[:n]


ABOUT: dict[Kind, str] = {
    "count": "count in groups",
    "aggregate": "add up in groups",
    "extreme": "find the highest or lowest",
    "filter": "find all that fulfil two conditions",
    "top": "find the five highest",
    "join": "put two tables together",
}
QUERIES: dict[Kind, tuple[Query, ...]] = {
    "count": (
        Query(
            ("trips",),
            "How many trips went to each destination?",
            "destination, number of trips",
            "SELECT destination, COUNT(*) FROM trips GROUP BY destination",
            lambda data, gaps: grouped(data["trips"], "destination"),
        ),
        Query(
            ("staff",),
            "How many people work at each shop?",
            "shop, number of people",
            "SELECT shop, COUNT(*) FROM staff GROUP BY shop",
            lambda data, gaps: grouped(data["staff"], "shop"),
        ),
    ),
    "aggregate": (
        Query(
            ("trips",),
            "How many days did the trips from each origin last in total?",
            "origin, sum of the days",
            "SELECT origin, SUM(days) FROM trips GROUP BY origin",
            lambda data, gaps: grouped(data["trips"], "origin", "days"),
        ),
        Query(
            ("staff",),
            "How many coins a year does each shop pay in wages?",
            "shop, sum of the wages",
            "SELECT shop, SUM(wage) FROM staff GROUP BY shop",
            lambda data, gaps: grouped(data["staff"], "shop", "wage"),
        ),
    ),
    "extreme": (
        Query(
            ("trips",),
            "Who made the most expensive trip, and what did it cost?",
            "traveller, coins",
            "SELECT traveller, MAX(cost) FROM trips",
            lambda data, gaps: highest(data["trips"], "traveller", "cost", 1),
        ),
        Query(
            ("staff",),
            "Who earns the lowest wage, and how much is it?",
            "name, coins",
            "SELECT name, MIN(wage) FROM staff",
            lambda data, gaps: highest(data["staff"], "name", "wage", len(data["staff"]))[-1:],
        ),
    ),
    "filter": (
        Query(
            ("trips",),
            "Who went from {origin} to {destination}, and for how many days?",
            "traveller, days",
            "SELECT traveller, days FROM trips WHERE origin = :origin AND destination = :destination",
            lambda data, gaps: [
                (row["traveller"], row["days"])
                for row in data["trips"]
                if (row["origin"], row["destination"]) == (gaps["origin"], gaps["destination"])
            ],
        ),
        Query(
            ("staff",),
            "Who works at the shop {shop} and is {age} years old or older?",
            "name, age",
            "SELECT name, age FROM staff WHERE shop = :shop AND age >= :age",
            lambda data, gaps: [
                (row["name"], row["age"])
                for row in data["staff"]
                if row["shop"] == gaps["shop"] and row["age"] >= int(gaps["age"])
            ],
        ),
    ),
    "top": (
        Query(
            ("trips",),
            "Which five trips were the most expensive?",
            "traveller, coins",
            "SELECT traveller, cost FROM trips ORDER BY cost DESC LIMIT 5",
            lambda data, gaps: highest(data["trips"], "traveller", "cost", 5),
        ),
        Query(
            ("staff",),
            "Which five people earn the highest wages?",
            "name, coins",
            "SELECT name, wage FROM staff ORDER BY wage DESC LIMIT 5",
            lambda data, gaps: highest(data["staff"], "name", "wage", 5),
        ),
    ),
    "join": (
        Query(
            ("staff", "shops"),
            "Who works at a shop in {city}, and at which?",
            "name, shop",
            "SELECT name, shop FROM staff JOIN shops USING (shop) WHERE city = :city",
            lambda data, gaps: [(row["name"], row["shop"]) for row in joined(data) if row["city"] == gaps["city"]],
        ),
        Query(
            ("staff", "shops"),
            "How many people work at the shops of each city?",
            "city, number of people",
            "SELECT city, COUNT(*) FROM staff JOIN shops USING (shop) GROUP BY city",
            lambda data, gaps: grouped(joined(data), "city"),
        ),
    ),
}
TASKS = {
    **{f"holobench/{kind}": HoloBench(kind) for kind in ABOUT},
    **{
        f"holobench/top_{position}": HoloBench("top", position=position)
        for position in ("begin", "middle", "end", "bimodal")
    },
}
