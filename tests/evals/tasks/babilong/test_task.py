from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.metrics.babilong import COMPARE_ANSWERS, within
from longspan.evals.tasks.babilong.task import KINDS, TASKS, Babilong

NAMES = list(KINDS)


def made(kind, length=2048, n=11):
    return list(samples("babilong", Babilong(kind), length=length, n=n, seed=0, count=count))


def test_there_are_all_twenty_kinds():
    assert list(TASKS) == [f"babilong/qa{number}" for number in range(1, 21)]
    assert set(KINDS) == {f"qa{number}" for number in range(1, 21)}


@pytest.mark.parametrize("kind", NAMES)
def test_a_hundred_stories_are_read_back_to_their_answers(kind):
    answers = set()
    for seed in range(100):
        story = KINDS[kind].tell(Random(seed))
        assert KINDS[kind].solve(" ".join(story.facts), story.question) == story.answer
        assert set(story.support) <= set(range(len(story.facts)))
        answers.add(story.answer)
    assert len(answers) >= min(3, len(KINDS[kind].labels))


@pytest.mark.parametrize("kind", ["qa1", "qa4", "qa6", "qa9", "qa10", "qa11", "qa12", "qa13", *NAMES[-6:], "qa14"])
def test_the_supporting_facts_alone_have_the_answer(kind):
    for seed in range(100):
        story = KINDS[kind].tell(Random(seed))
        facts = " ".join(story.facts[number] for number in story.support)
        assert KINDS[kind].solve(facts, story.question) == story.answer


@pytest.mark.parametrize("kind", NAMES)
def test_the_right_label_scores_1_and_every_other_0(kind):
    rule = Babilong(kind).rule
    for sample in made(kind, n=4):
        assert rule.grade(f"{sample.answers[0]}.", sample) == 1
        for label in set(sample.data["labels"]) - set(
            sample.answers[0].split(",") if kind == "qa8" else sample.answers
        ):
            assert rule.grade(label, sample) == 0
        assert not within(sample.answers, sample.data["question"].lower())


def test_only_counts_need_the_rule_of_whole_words():
    assert {kind for kind in KINDS if Babilong(kind).rule is not COMPARE_ANSWERS} == {"qa7"}
    (sample,) = [each for each in made("qa7", n=11) if each.answers == ("none",)][:1]
    assert COMPARE_ANSWERS.grade("none", sample) == 0


@pytest.mark.parametrize("kind", ["qa2", "qa3", "qa5"])
def test_support_names_what_is_asked_for_or_who_carried_it(kind):
    for seed in range(100):
        story = KINDS[kind].tell(Random(seed))
        told = " ".join(story.facts[number] for number in story.support)
        assert story.answer in told


@pytest.mark.parametrize("kind", ["qa2", "qa13", "qa19"])
def test_facts_keep_their_order_in_the_text(kind):
    for sample in made(kind):
        assert list(sample.spans) == sorted(sample.spans)
        facts = KINDS[kind].solve(sample.context, sample.data["question"])
        assert facts == sample.answers[0]
        assert sample.depth is None


@pytest.mark.parametrize("kind", ["qa1", "qa6", "qa12"])
def test_a_fact_that_has_the_answer_alone_lies_at_its_depth(kind):
    for index, sample in enumerate(made(kind, 4096)):
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.06
        ((first, last),) = sample.spans
        assert sample.context[first:last].endswith(".")


@pytest.mark.parametrize("kind", NAMES)
def test_two_solved_examples_are_the_same_in_every_prompt(kind):
    befores = {sample.before for sample in made(kind, n=3)}
    assert len(befores) == 1
    text = befores.pop()
    assert text.count("<example>") == 2
    for example in text.split("<example>\n")[1:]:
        facts, _, rest = example.partition("\nQuestion: ")
        question, _, answer = rest.partition("\nAnswer: ")
        assert KINDS[kind].solve(facts, question) == answer.split("\n")[0]
