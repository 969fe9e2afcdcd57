import re
from types import SimpleNamespace

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.haystack import Haystack
from longspan.evals.metrics.nolima import CONTAINS
from longspan.evals.tasks.nolima import DISTRACTOR, NoLiMa, associations

FUNCTION_WORDS = """
a about across after all alone and any anyone as at been by can could day every for from goes had has have in is it its
long many must never no of off on one or out over right should so that the they those to was were what who with would
which
"""


def words(text):
    return {word for word in re.findall(r"\w+", text.lower()) if word not in FUNCTION_WORDS.split()}


def stems(text):
    return {word[:5] for word in words(text) if len(word) > 3}


def made(task, length=2048, n=11, haystack=None):
    return list(samples("nolima", task, length=length, n=n, seed=0, count=count, haystack=haystack))


def test_no_needle_shares_a_word_or_a_stem_with_its_questions():
    assert len(associations()) > 40
    for link in associations():
        for question in link.questions:
            for needle in link.needles + link.inverted:
                told = needle.replace("{who}", "")
                assert words(told) & words(question) == set(), (needle, question)
                assert stems(told) & stems(question) == set(), (needle, question)


def test_no_two_hints_answer_the_same_question():
    one = [link.question(1) for link in associations()]
    two = [link.question(2) for link in associations()]
    assert len(set(one)) == len(one)
    assert len(set(two)) == len(two)


def test_the_name_stands_before_the_hint_or_after_it_where_that_is_asked_for():
    for inverted in (False, True):
        for sample in made(NoLiMa(inverted=inverted)):
            ((first, last),) = sample.spans
            needle = sample.context[first:last]
            (link,) = [link for link in associations() if link.question(1) in sample.after]
            hint = needle.lower().index(link.hint.lower())
            assert (needle.index(sample.answers[0]) > hint) == inverted


def test_the_needle_begins_a_sentence_at_the_depth_asked_for():
    for index, sample in enumerate(made(NoLiMa(), length=4096)):
        ((first, last),) = sample.spans
        assert sample.context[first:last].endswith(".")
        assert first == 0 or sample.context[first - 1] == " "
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.06


def test_no_other_sentence_has_the_name_the_hint_or_the_question():
    told = " ".join(f"It rained in {thing} and {link.hint} shone." for link in associations() for thing in link.things)
    text = Haystack.of(f"{told} The dog slept. The cat did not. A door fell shut. Then it was night. " * 3)
    for sample in made(NoLiMa(), haystack=text):
        (link,) = [link for link in associations() if link.question(1) in sample.after]
        assert sample.context.lower().count(link.words[0].lower()) == 1
        assert sample.context.count(sample.answers[0]) == 1
        assert f"rained in {link.things[0]} " not in sample.context


def test_a_distractor_has_the_words_of_the_question_and_lies_elsewhere():
    for sample in made(NoLiMa(steps=2, distractor=True), length=4096):
        (link,) = [link for link in associations() if link.question(2) in sample.after]
        assert abs(sample.context.index(DISTRACTOR.format(thing=link.things[1])) - sample.spans[0][0]) > 500


def test_the_name_must_be_in_the_reply_as_it_is_written():
    asked = SimpleNamespace(answers=("Ada",))
    assert CONTAINS.grade("It was Ada, I think.", asked) == 1
    assert CONTAINS.grade("ada", asked) == 0
