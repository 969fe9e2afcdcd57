import re
from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.longins import LINE, LongIns
from longspan.evals.tasks.questions import KINDS


def made(task, length=4096, n=4):
    return list(samples("longins", task, length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_never_right(kind):
    random = Random(0)
    for _ in range(200):
        question, right, wrong = KINDS[kind].draw(random)
        assert KINDS[kind].solve(question) == right != wrong


def test_the_instruction_stands_once_in_gist_and_with_every_question_in_list():
    once, repeated = made(LongIns("gist"))[0], made(LongIns("list"))[0]
    assert sum(once.prompt.count(kind.instruction) for kind in KINDS.values()) == 1
    (instruction,) = {own for _, own, _, _ in LINE.findall(repeated.context)}
    assert repeated.context.count(f"[{instruction}]") == repeated.context.count("\n") + 1


def test_kinds_are_mixed_in_limt_only():
    assert {own for _, own, _, _ in LINE.findall(made(LongIns("limt"))[0].context)} == {
        kind.instruction for kind in KINDS.values()
    }


def test_about_a_tenth_of_the_answers_is_wrong_and_at_least_one():
    wrong = asked = 0
    for sample in made(LongIns("limt"), n=11):
        wrong += len(sample.answers)
        asked += sample.context.count("\n") + 1
        assert sample.answers
    assert 0.07 < wrong / asked < 0.14
    assert all(sample.answers for sample in made(LongIns("limt"), length=400))


def test_spans_are_the_questions_answered_wrongly():
    for sample in made(LongIns("list")):
        shown = [sample.context[first:last] for first, last in sample.spans]
        assert [re.match(r"\d+", line)[0] for line in shown] == list(sample.answers)


def test_the_reply_to_all_questions_has_room_for_each():
    short, long = (made(LongIns("limt", wanted="answers"), length=length, n=1)[0] for length in (1024, 8192))
    for sample in (short, long):
        assert sample.max_tokens >= 8 * len(sample.answers)
        reply = "\n".join(f"{number}. {answer}" for number, answer in enumerate(sample.answers, 1))
        assert count(reply) <= sample.max_tokens
    assert long.max_tokens > 4 * short.max_tokens
