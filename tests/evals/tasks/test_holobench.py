from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.holobench import QUERIES, HoloBench, filling, places
from longspan.evals.tasks.tables import TABLES, draw, execute


def made(task, length=4096, n=4):
    return list(samples("holobench", task, length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("query", [query for kind in QUERIES.values() for query in kind], ids=lambda query: query.sql)
def test_sqlite_and_python_agree_on_every_query(query):
    for seed in range(5):
        data = draw(Random(seed), query.tables, 60)
        gaps = filling(query, data)
        answer = execute(data, query.sql, gaps)
        assert answer
        assert sorted(answer) == sorted(query.work(data, gaps))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_read_back_from_its_sentence_and_from_no_other_table(name):
    random = Random(0)
    for sentence in TABLES[name].sentences:
        row = TABLES[name].draw(random, "Brave Lamp")
        said = sentence.format(**row)
        assert TABLES[name].read(said) == row
        assert all(table.read(said) is None for other, table in TABLES.items() if other != name)


def test_positions_are_the_papers():
    assert places("uniform", 4, 8) == [1, 3, 5, 7]
    assert places("begin", 4, 8) == [0, 0, 0, 0]
    assert places("middle", 4, 8) == [4, 4, 4, 4]
    assert places("end", 4, 8) == [8, 8, 8, 8]
    assert places("bimodal", 4, 8) == [0, 0, 8, 8]


@pytest.mark.parametrize("position", ["begin", "middle", "end", "bimodal", "uniform"])
def test_the_rows_lie_where_they_should(position):
    for sample in made(HoloBench("top", position=position, information=512), n=2):
        middles = [(first + last) / 2 / len(sample.context) for first, last in sample.spans]
        low, high = min(middles), max(middles)
        if position == "begin":
            assert high < 0.5
        elif position == "end":
            assert low > 0.5
        elif position == "middle":
            assert 0.25 < low < high < 0.75
        else:
            assert low < 0.1
            assert high > 0.9
        if position == "bimodal":
            assert not [middle for middle in middles if 0.25 < middle < 0.75]


def test_the_information_stays_the_same_at_every_length_that_has_room_for_it():
    task = HoloBench("count", information=512)
    made_of = [sample for length in (2048, 4096, 16384) for sample in made(task, length=length, n=3)]
    amounts = [sum(count(sample.context[first:last]) for first, last in sample.spans) for sample in made_of]
    assert all(abs(amount - 512) < 0.1 * 512 for amount in amounts)


def test_the_reply_has_room_for_the_answer():
    for kind in QUERIES:
        for sample in made(HoloBench(kind), length=8192):
            assert count("\n".join(sample.answers)) <= sample.max_tokens
