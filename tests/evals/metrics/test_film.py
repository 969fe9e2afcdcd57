import pytest

from longspan.evals.metrics.film import CONTAINS, CONTAINS_EITHER, WORD_RECALL
from longspan.evals.task import Sample


def sample(*answers):
    return Sample(task="t", id="1", before="", context="", after="", answers=answers, max_tokens=8)


@pytest.mark.parametrize(
    ("reply", "recall"),
    [
        ("The sky is blue today.", 1),
        ("the sky is blue", 4 / 5),
        ("THE SKY", 2 / 5),
        ("The sky is blue today", 4 / 5),  # `today` is not `today.`
        ("", 0),
    ],
)
def test_recall_counts_different_words_as_white_space_cuts_them(reply, recall):
    assert WORD_RECALL.grade(reply, sample("The sky is blue today.")) == recall


def test_a_repeated_word_counts_once():
    assert WORD_RECALL.grade("the dog", sample("the dog and the cat")) == 2 / 4


def test_a_name_must_occur_in_its_own_case():
    assert CONTAINS.grade("It is `load_lamp`.", sample("load_lamp.")) == 1
    assert CONTAINS.grade("Load_Lamp", sample("load_lamp")) == 0


def test_either_reference_will_do_in_any_case():
    either = sample("The Brave Lamp", "novel of 1902.")
    assert CONTAINS_EITHER.grade("the brave lamp", either) == 1
    assert CONTAINS_EITHER.grade("A NOVEL OF 1902", either) == 1
    assert CONTAINS_EITHER.grade("a novel", either) == 0
