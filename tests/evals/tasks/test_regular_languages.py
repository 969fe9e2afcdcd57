from itertools import product
from random import Random

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.regular_languages import BAR, Automaton, RegularLanguages, _any, draw, follow


def made(length=4096, n=5):
    return list(samples("regular_languages", RegularLanguages(), length=length, n=n, seed=0, count=count))


def tails(automaton, state, depth):
    """Every string of up to `depth` symbols that can be gone on with from a state."""
    if depth == 0:
        return {""}
    steps = automaton.steps[state].items()
    return {""} | {symbol + tail for symbol, to in steps for tail in tails(automaton, to, depth - 1)}


def test_the_smallest_automaton_of_a_worked_example():
    twice = Automaton(({"a": 1, "b": 2}, {"a": 0}, {"a": 0}, {"c": 3}))
    assert twice.minimal() == Automaton(({"a": 1, "b": 1}, {"a": 0}))


def test_the_smallest_automaton_has_the_same_language_and_no_two_states_alike():
    shrunk = 0
    for seed in range(60):
        large = _any(Random(seed))
        small = large.minimal()
        assert tails(large, 0, 5) == tails(small, 0, 5)
        ends = [frozenset(tails(small, state, 6)) for state in range(len(small.steps))]
        assert len(set(ends)) == len(ends)
        shrunk += len(small.steps) < len(large.steps)
    assert shrunk > 10


def test_automata_have_the_papers_sizes_and_no_way_from_a_state_to_itself_before_they_are_made_small():
    drawn = [_any(Random(seed)) for seed in range(200)]
    assert {len(each.steps) for each in drawn} == set(range(4, 13))
    assert {len(steps) for each in drawn for steps in each.steps} == {1, 2, 3}
    assert not any(to == state for each in drawn for state, steps in enumerate(each.steps) for to in steps.values())
    assert min(len(draw(Random(seed)).steps) for seed in range(200)) > 1


def test_states_tell_what_belongs_to_the_language():
    automaton = Automaton(({"a": 1}, {"b": 0, "c": 1}))
    inside = [
        word for n in range(4) for word in map("".join, product("abc", repeat=n)) if automaton.state(word) is not None
    ]
    assert inside == ["", "a", "ab", "ac", "aba", "acb", "acc"]


def test_what_follows_is_read_from_the_longest_match_and_the_whole_only_from_a_beginning():
    assert follow([[*"abx"], [*"cby"], [*"aby"], [*"bz"]], "cb") == "y"
    assert follow([[*"abx"], [*"zaby"], [*"zaby"]], "ab") == "x"
    assert follow([[*"abx"], [*"aby"], [*"bby"], [*"by"]], "qb") == "y"
    assert follow([], "ab") == ""


def test_every_example_and_every_reference_belongs_to_one_language_with_few_ways_on():
    for sample in made():
        examples = [each.split() for each in sample.context.split(BAR)]
        assert len(examples) > 20
        assert max(map(len, examples)) <= 49
        followers = {}
        for example in examples:
            followers.setdefault(example[0], set()).update(example[1:2])
        assert len(followers) <= 3
        assert all(len(symbols) <= 3 for symbols in followers.values())
        assert 1 <= len(sample.answers) <= 3
        assert sample.start.split()[0] in followers
