"""Made-up tables whose rows are sentences, and sqlite over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from longspan.evals.tasks.templates import pattern
from longspan.evals.words import distinct, names, person

Row = dict[str, Any]
Data = Mapping[str, list[Row]]
"""Rows by the name of their table."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows can be said in sentences and read back."""

    draw: Callable[[Random, str], Row]
    """A row that concerns a shop."""
    ranked: str
    """Column of a number that no two rows share, so that the highest are certain."""
    sentences: tuple[str, ...]
    """Ways to say a row."""

    def say(self, random: Random, row: Row) -> str:
        """A row as a sentence."""
        return random.choice(self.sentences).format(**row)

    def read(self, sentence: str) -> Row | None:
        """The row that a sentence says; None where it says none of this table."""
        for template in self.sentences:
            if match := pattern(template).fullmatch(sentence):
                return {name: int(text) if text.isdigit() else text for name, text in match.groupdict().items()}
        return None


def _worker(random: Random, shop: str) -> Row:
    return {"name": person(random), "age": random.randint(18, 66), "wage": random.randint(10_000, 99_999), "shop": shop}


def _shop(random: Random, shop: str) -> Row:
    opened, area = random.randint(1900, 2023), random.randint(1_000, 99_999)
    return {"shop": shop, "city": random.choice(names("cities")[:6]), "opened": opened, "area": area}


def _trip(random: Random, shop: str) -> Row:
    origin, destination = random.sample(names("cities")[-6:], k=2)
    days, cost = random.randint(2, 30), random.randint(1_000, 99_999)
    return {"traveller": person(random), "origin": origin, "destination": destination, "days": days, "cost": cost}


def _book(random: Random, shop: str) -> Row:
    title = f"The {random.choice(names('last names'))} {random.choice(('Letters', 'Papers', 'Affair', 'Inheritance'))}"
    copies, year = random.randint(1_000, 99_999), random.randint(1850, 2023)
    return {"title": title, "author": person(random), "copies": copies, "year": year}


TABLES: Mapping[str, Table] = {
    "staff": Table(
        _worker,
        "wage",
        (
            "{name}, aged {age}, works at the shop {shop} and earns {wage} coins a year.",
            "At the shop {shop} a wage of {wage} coins a year goes to {name}, who is {age} years old.",
        ),
    ),
    "shops": Table(
        _shop,
        "area",
        (
            "The shop {shop} in {city} opened in {opened} and covers {area} square feet.",
            "In {city}, on {area} square feet, stands the shop {shop}, which opened in {opened}.",
        ),
    ),
    "trips": Table(
        _trip,
        "cost",
        (
            "{traveller} went from {origin} to {destination}, stayed {days} days and spent {cost} coins.",
            "On a trip of {days} days from {origin} to {destination}, {cost} coins were spent by {traveller}.",
        ),
    ),
    "books": Table(
        _book,
        "copies",
        (
            "{title} by {author} came out in {year} and sold {copies} copies.",
            "Of {title}, which {author} published in {year}, {copies} copies were sold.",
        ),
    ),
}


def shop_name(random: Random) -> str:
    """What a shop is called: one of about 24,000."""
    return " & ".join(random.sample(names("last names"), k=2))


def draw(random: Random, tables: Sequence[str], n: int) -> Data:
    """About `n` rows of the tables together, two at least of each; every person works at a shop of the table of shops.

    A quarter of the rows are shops where these are among the tables.
    """
    shops = max(2, n // 4) if "shops" in tables else 6
    known = distinct(random, shop_name, shops)
    data: dict[str, list[Row]] = {}
    for name in tables:
        table, seen = TABLES[name], set[int]()
        wanted = shops if name == "shops" else max(2, n - shops * ("shops" in tables))
        data[name] = []
        while len(data[name]) < wanted:
            row = table.draw(random, known[len(data[name])] if name == "shops" else random.choice(known))
            if row[table.ranked] not in seen:
                seen.add(row[table.ranked])
                data[name].append(row)
    return data


def execute(data: Data, sql: str, values: Row) -> list[tuple[Any, ...]]:
    """The rows that sqlite answers; `values` are the query's parameters by name."""
    connection = sqlite3.connect(":memory:")
    try:
        for name, rows in data.items():
            connection.execute(f"CREATE TABLE {name} ({', '.join(rows[0])})")
            marks = ", ".join(f":{column}" for column in rows[0])
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()
