import pytest

from longspan.evals.metrics.babilong import COMPARE_ANSWERS, COMPARE_WORDS, LABELS, as_words, compare, first_sentence
from longspan.evals.task import Sample

WHERE = "Where is Mary? "


@pytest.mark.parametrize(
    ("task", "question", "target", "reply", "right"),
    [
        ("qa1", WHERE, "kitchen", "The most recent location of Mary is kitchen.", True),
        ("qa1", WHERE, "kitchen", "KITCHEN", True),
        ("qa1", WHERE, "kitchen", "garden", False),
        ("qa1", WHERE, "kitchen", "", False),
        ("qa1", WHERE, "kitchen", ". kitchen", False),
        ("qa1", WHERE, "kitchen", "<context> kitchen", False),
        ("qa1", WHERE, "kitchen", "The kitchen or the garden", False),
        ("qa1", WHERE, "kitchen", "She is in the kitchen. Not in the garden.", True),
        ("qa1", WHERE, "kitchen", "Well. She is in the kitchen.", False),
        ("qa1", WHERE, "kitchen", "kitchen<example>\ngarden", True),
        ("qa1", WHERE, "kitchen", "kitchen Question: Where is the garden", False),
        ("qa3", "Where was the milk before the office? ", "garden", "Before the office it was in the garden", True),
        ("qa4", "What is north of the office? ", "kitchen", "The kitchen is north of the office.", True),
        ("qa4", "What is north of the office? ", "kitchen", "The kitchen and the garden are.", False),
        ("qa8", "What is Mary carrying? ", "apple,milk", "milk, apple", True),
        ("qa8", "What is Mary carrying? ", "apple,milk", "apple", False),
        ("qa8", "What is Mary carrying? ", "apple,milk", "apple, milk, football", False),
        ("qa6", "Is Mary in the office? ", "no", "no", True),
        ("qa6", "Is Mary in the office? ", "yes", "yes, I know", False),
        ("qa6", "Is Mary in the office? ", "yes", "Yes, she is now there", False),
        ("qa19", "How do you go from the office to the garden?", "n,w", "n,w", True),
        ("qa19", "How do you go from the office to the garden?", "n,w", "n, w", False),
        ("qa19", "How do you go from the office to the garden?", "n,w", "s,w", False),
        ("qa7", "How many objects is Mary carrying? ", "none", "none", False),
        ("qa7", "How many objects is Mary carrying? ", "two", "two", True),
    ],
)
def test_the_labels_of_the_first_sentence_less_those_of_the_question_are_the_target(
    task, question, target, reply, right
):
    assert compare(target, reply, question=question, labels=LABELS[task]) is right


def test_all_twenty_tasks_have_labels():
    assert set(LABELS) == {f"qa{number}" for number in range(1, 21)}
    assert all(label == label.lower() for labels in LABELS.values() for label in labels)


def test_ours_reads_whole_words_so_none_is_not_one():
    question, labels = "How many objects is Mary carrying? ", LABELS["qa7"]
    assert compare("none", "none", question=question, labels=labels, find=as_words)
    assert not compare("one", "none", question=question, labels=labels, find=as_words)
    assert compare("yes", "yes, I know", question="Is it so?", labels=LABELS["qa6"], find=as_words)
    assert not compare("yes", "yes and no", question="Is it so?", labels=LABELS["qa6"], find=as_words)


def test_the_rules_read_question_and_labels_from_the_sample():
    data = {"question": "How many?", "labels": ["none", "one"]}
    sample = Sample(task="t", id="1", before="", context="", after="", answers=("none",), max_tokens=8, data=data)
    assert COMPARE_ANSWERS.grade("None.", sample) == 0
    assert COMPARE_WORDS.grade("None.", sample) == 1


def test_a_first_sentence_ends_where_examples_begin():
    assert first_sentence("A B<context> c. d") == "a b"
    assert first_sentence("") == ""
