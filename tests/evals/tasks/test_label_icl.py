from itertools import pairwise, product
from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks import label_icl
from longspan.evals.tasks.label_icl import ACTIONS, EXAMPLE, LabelICL, classify, cores, dress
from longspan.evals.tasks.templates import read


def made(task, length=4096, n=4):
    return list(samples("label_icl", task, length=length, n=n, seed=0, count=count))


def test_every_sentence_belongs_to_one_class_only():
    for of in product(read("label_icl.txt")["topics"], ACTIONS):
        for core in cores(of):
            assert list(label_icl._classes(dress(Random(1), core))) == [of]


def test_a_round_shows_every_class_once_and_the_next_follows():
    task = LabelICL(28)
    for sample in made(task):
        labels = [label for _, label in EXAMPLE.findall(sample.context)]
        assert len(set(labels[:28])) == 28
        assert set(labels[28:56]) == set(labels[:28])


def test_numbers_are_dealt_out_anew_in_each_sample():
    dealt = [
        {classify(text): label for text, label in EXAMPLE.findall(sample.context)}
        for sample in made(LabelICL(28, labels="numbers"))
    ]
    assert all(sorted(map(int, labels.values())) == list(range(28)) for labels in dealt)
    assert len({tuple(labels.values()) for labels in dealt}) == len(dealt)


def test_grouped_examples_of_a_class_stand_together_at_the_depth_asked_for():
    for index, sample in enumerate(made(LabelICL(28, order="grouped"), n=11)):
        labels = [label for _, label in EXAMPLE.findall(sample.context)]
        assert sum(before != after for before, after in pairwise(labels)) == 27
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.1


def test_the_message_is_not_among_the_examples():
    for sample in made(LabelICL(28), length=16384):
        message = sample.after.rpartition("Message: ")[2]
        asked = next(core for core in cores(classify(message)) if core in message)
        assert asked not in sample.context


def test_spans_are_the_examples_of_the_answer():
    for sample in made(LabelICL(28)):
        shown = [sample.context[first:last] for first, last in sample.spans]
        assert len(shown) == sample.context.count(f"label: {sample.answers[0]}\n") + sample.context.endswith(
            f"label: {sample.answers[0]}"
        )
        assert all(line.endswith(f"| label: {sample.answers[0]}") for line in shown)


def test_less_than_a_round_is_refused():
    with pytest.raises(InputError, match="needs at least"):
        made(LabelICL(174), length=2048, n=1)
