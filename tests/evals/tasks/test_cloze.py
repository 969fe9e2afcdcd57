import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack
from longspan.evals.tasks.cloze import GAP, Cloze


def made(n=11, length=2048, haystack=None):
    return list(samples("cloze", Cloze(), length=length, n=n, seed=0, count=count, haystack=haystack))


def test_the_missing_word_occurs_once_only_and_the_gap_hides_it():
    for sample in made():
        (word,) = sample.answers
        assert sample.context.count(word) == 1
        assert word not in sample.before + sample.after
        assert sample.after.count(GAP) == 1


def test_the_sentence_lies_near_the_depth_asked_for():
    gaps = [abs(sample.depth - index * 7 % 11 / 10) for index, sample in enumerate(made())]
    assert sorted(gaps)[len(gaps) // 2] < 0.1


def test_it_works_on_any_text_with_sentences_of_its_own():
    text = " ".join(
        f"The {name} of year {1000 + n} was kept in the archive of the town hall."
        for n, name in enumerate(f"ledger{n}x" for n in range(300))
    )
    for sample in made(3, 600, Haystack.of(text)):
        assert Cloze.rule.grade(Cloze().solve(sample), sample) == 1


def test_a_text_that_only_repeats_itself_is_refused():
    with pytest.raises(InputError, match="hardly a sentence with a word of its own"):
        made(1, 600, Haystack.of("The same words are said again and again in here. " * 50))
