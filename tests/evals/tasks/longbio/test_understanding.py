import re

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.longbio.understanding import TASKS, Understanding


def made(task, length=4096, n=11):
    return list(samples("longbio", task, length=length, n=n, seed=0, count=count))


def test_one_two_five_and_ten_people_are_asked_for_one_attribute():
    for needles in (1, 2, 5, 10):
        for sample in made(TASKS[f"longbio/standard_{needles}"], n=3):
            asked = [line for line in sample.after.split("\n") if line.endswith("?")]
            assert len(asked) == len(sample.answers) == len(sample.spans) == needles
            assert len({re.sub(r"([A-Z]\w+ ){2}[A-Z]\w+", "X", question) for question in asked}) == 1


def test_answers_stand_in_the_spans_and_in_the_order_of_the_text():
    for name in ("standard_5", "paraphrase", "pronoun"):
        for sample in made(TASKS[f"longbio/{name}"]):
            assert list(sample.spans) == sorted(sample.spans)
            for answer, (first, last) in zip(sample.answers, sample.spans, strict=True):
                assert answer in sample.context[first:last]
                assert sample.context[first:last].endswith(".")


def test_a_single_person_lies_at_the_depth_asked_for():
    for index, sample in enumerate(made(TASKS["longbio/standard_1"])):
        assert abs(sample.depth - index * 7 % 11 / 10) < 0.06


def test_people_who_speak_for_themselves_give_their_name_once():
    for sample in made(TASKS["longbio/pronoun"], n=3):
        for line in sample.context.split("\n"):
            name = re.match(r"In the words of (.+?):", line)[1]
            assert line.count(name) == 1


def test_where_nobody_else_tells_only_the_asked_person_does():
    for sample in made(Understanding(density=0.0)):
        told = sample.context[slice(*sample.spans[0])].replace(sample.answers[0], "VALUE")
        name = re.search(r"([A-Z]\w+ ){2}[A-Z]\w+", told)[0]
        before, after = told.replace(name, "NAME").split("VALUE")
        pattern = (
            re.escape(before).replace("NAME", r"[\w ]+") + r"[\w -]+" + re.escape(after).replace("NAME", r"[\w ]+")
        )
        assert len(re.findall(pattern, sample.context)) == 1
