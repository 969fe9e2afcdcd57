"""What every generator promises."""

import re
import subprocess
import sys
from itertools import product

import pytest

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit, samples
from longspan.evals.catalog import generators

NAMES = list(generators())


def count(prompt: str, start: str = "") -> int:
    """A tokenizer good enough for tests: words cut into pieces of four letters, and marks."""
    return len(re.findall(r"[A-Za-z]{1,4}|\d{1,3}|[^\sA-Za-z0-9]", f"{prompt} {start}"))


def made(name: str, length: int, n: int = 3, seed: int = 0):
    return list(samples(name, generators()[name], length=length, n=n, seed=seed, count=count))


def lengths(name: str) -> list[int]:
    card = generators()[name].card
    asked = [max(length, 2 * card.shortest) for length in (1024, 4096)]
    return sorted({min(length, card.longest or length) for length in asked})


@pytest.mark.parametrize("name", NAMES)
def test_the_solver_finds_the_references_in_the_text_and_they_score_1(name):
    task = generators()[name]
    for length in lengths(name):
        for sample in made(name, length):
            blind = type(sample)(**{**_fields(sample), "answers": (), "data": {}})
            assert task.rule.grade(task.solve(blind), sample) == 1, (length, sample.answers)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_reply_scores_0(name):
    assert generators()[name].rule.grade("", made(name, lengths(name)[0], 1)[0]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_is_longer_than_asked_and_it_is_short_by_1_percent_or_one_piece_of_filler(name):
    for length, sample in ((each, sample) for each in lengths(name) for sample in made(name, each)):
        used = count(sample.prompt, sample.start) + sample.max_tokens
        piece = max((count(line) for line in re.split(r"\n+", sample.context)), default=0)
        assert used <= length
        assert length - used <= max(0.01 * length, piece + 2), (length, used, piece)
        assert sample.length == length


@pytest.mark.parametrize("name", NAMES)
def test_evidence_lies_where_the_sample_says(name):
    for sample in made(name, lengths(name)[-1], 11):
        for first, last in sample.spans:
            assert 0 <= first < last <= len(sample.context)
        if sample.depth is not None:
            assert 0 <= sample.depth <= 1


@pytest.mark.parametrize("name", NAMES)
def test_samples_differ_by_number_and_seed_and_are_the_same_when_made_again(name):
    length = lengths(name)[0]
    first, again, other = made(name, length), made(name, length), made(name, length, seed=1)
    assert first == again
    assert len({sample.prompt for sample in first + other}) == 6
    assert len({sample.id for sample in first + other}) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_length_that_holds_nothing_is_refused_with_the_numbers(name):
    with pytest.raises(InputError, match="8"):
        made(name, 8, 1)


def test_samples_are_the_same_in_another_process():
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from tests.evals.test_generators import NAMES, made, lengths\n"
        "import hashlib\n"
        "for name in NAMES:\n"
        "    print(name, hashlib.sha256(repr(made(name, lengths(name)[0], 1)).encode()).hexdigest())\n"
    )
    run = [
        subprocess.run(
            [sys.executable, "-c", program, *filter(None, sys.path)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert run[0] == run[1]
    assert len(run[0].splitlines()) == len(NAMES)


def test_eleven_samples_in_a_row_cover_every_depth():
    depths = {Ask("task", "", 1024, index, 0, count).depth for index in range(11)}
    assert depths == {tenth / 10 for tenth in range(11)}


@pytest.mark.parametrize(("length", "unit"), list(product([200, 999, 5000], [1, 3, 40])))
def test_fit_finds_the_longest_that_is_no_longer(length, unit):
    ask = Ask("task", "", length, 0, 0, lambda prompt, start="": len(prompt))
    tries = []

    def build(size):
        tries.append(size)
        return ask.sample(context="x" * unit * size, after="?" * 50, answers=("a",), max_tokens=10)

    sample = fit(ask, build)
    assert 0 <= length - len(sample.prompt) - 10 < unit
    assert len(tries) < 20


def test_fit_says_how_many_tokens_are_needed_at_least():
    ask = Ask("needles", "", 40, 0, 0, lambda prompt, start="": len(prompt))
    with pytest.raises(InputError, match=r"needles needs at least 60 tokens .* 40 are too few"):
        fit(ask, lambda size: ask.sample(context="x" * size, after="?" * 50, answers=("a",), max_tokens=10))


def _fields(sample):
    return {name: getattr(sample, name) for name in type(sample).__dataclass_fields__}
