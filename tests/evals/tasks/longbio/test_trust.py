from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.task import Graded
from longspan.evals.tasks.longbio.reading import read
from longspan.evals.tasks.longbio.trust import TASKS, UNSTATED


def made(name, length=2048, n=12):
    return list(samples(name, TASKS[f"longbio/{name}"], length=length, n=n, seed=0, count=count))


def test_citations_are_the_numbers_of_the_lines_that_have_the_answers():
    for name in ("citation_1", "citation_2"):
        for sample in made(name):
            rows = sample.context.split("\n")
            assert all(row.startswith(f"[{number}] ") for number, row in enumerate(rows, 1))
            spans = zip(sample.answers, sample.data["citations"], sample.spans, strict=True)
            for answer, number, (first, last) in spans:
                assert answer in sample.context[first:last]
                assert sample.context[first:last] in rows[number - 1]
                assert sample.context[last - 1] == "."


def test_a_right_answer_with_a_wrong_citation_scores_0():
    sample = made("citation_1", n=1)[0]
    grade = TASKS["longbio/citation_1"].rule.grade
    assert grade(f"{sample.answers[0]} [{sample.data['citations'][0]}]", sample) == 1
    assert grade(f"{sample.answers[0]} [{sample.data['citations'][0] + 1}]", sample) == 0


def test_twins_differ_by_the_sentence_that_answers():
    every = made("idk")
    for stated, unstated in zip(every[::2], every[1::2], strict=True):
        assert stated.group == unstated.group
        assert stated.after == unstated.after
        told, untold = read(stated.context), read(unstated.context)
        name = next(name for name in told if told[name].facts.keys() - untold[name].facts.keys())
        (attribute,) = told[name].facts.keys() - untold[name].facts.keys()
        assert told[name].facts[attribute] == stated.answers[0]
        assert unstated.answers == (UNSTATED,)
        assert set(told) <= set(untold)
    assert len({sample.group for sample in every}) == 6


def test_one_reply_to_everything_makes_no_pair_right():
    task = TASKS["longbio/idk"]
    every = made("idk")
    always = [Graded(sample, "", task.rule.grade(f"It is {UNSTATED}.", sample)) for sample in every]
    right = [Graded(sample, "", task.rule.grade(task.solve(sample), sample)) for sample in every]
    assert task.rule.total(always) == 0
    assert task.rule.total(right) == 1
