"""BABILong's rule, case by case."""

import pytest

from longspan.evals.metrics.babilong_official import LABELS, compare, compare_words
from longspan.evals.task import Sample


def sample(target: str, question: str, labels: str) -> Sample:
    data = {"question": question, "labels": labels}
    return Sample(task="t", id="", before="", context="", after="", answers=(target,), max_tokens=0, data=data)


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ("Answer: The most recent location of John is hallway.", 1),
        ("HALLWAY", 1),
        ("hallway. Then the kitchen.", 1),
        ("hallway or kitchen", 0),
        ("kitchen", 0),
        ("The hallway <example> kitchen", 1),
        ("<context> hallway", 0),
        ("", 0),
        (". hallway", 0),
    ],
)
def test_the_wanted_label_must_be_the_only_one_of_the_first_sentence(output: str, score: int) -> None:
    assert compare(output, sample("hallway", "Where is John? ", "qa1")) == score


def test_labels_of_the_question_do_not_count() -> None:
    asked = sample("kitchen", "What is north of the office? ", "qa4")
    assert compare("The kitchen is north of the office.", asked) == 1
    assert compare("The kitchen and the garden are north of the office.", asked) == 0


def test_several_wanted_labels_must_all_be_there_and_no_other() -> None:
    asked = sample("apple,milk", "What is Mary carrying? ", "qa8")
    assert compare("milk and apple", asked) == 1
    assert compare("milk", asked) == 0
    assert compare("milk, apple, football", asked) == 0


def test_a_way_is_one_label_although_it_has_a_comma() -> None:
    asked = sample("n,w", "How do you go from the office to the garden?", "qa19")
    assert compare("n,w", asked) == 1
    assert compare("n, w", asked) == 0


def test_officially_none_is_never_right_and_now_means_no_and_ours_mends_both() -> None:
    none = sample("none", "How many objects is Mary carrying? ", "qa7")
    assert (compare("none", none), compare_words("none", none)) == (0, 1)
    yes = sample("yes", "Is Mary in the kitchen? ", "qa6")
    assert (compare("Yes, she is now there", yes), compare_words("Yes, she is now there", yes)) == (0, 1)
    assert compare_words("yes and no", yes) == 0


def test_every_task_has_labels_in_lower_case() -> None:
    assert sorted(LABELS, key=lambda task: int(task[2:])) == [f"qa{number}" for number in range(1, 21)]
    assert all(label == label.lower() for labels in LABELS.values() for label in labels)
