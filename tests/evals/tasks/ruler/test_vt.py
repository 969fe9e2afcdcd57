import re

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.ruler.vt import ASSIGNMENT, TASKS, VariableTracking


def made(task, length=2048, n=5):
    return list(samples("vt", task, length=length, n=n, seed=0, count=count))


def test_the_task_has_the_papers_settings():
    assert TASKS["ruler/vt"] == VariableTracking(chains=1, hops=4)
    assert TASKS["ruler/vt"].card.tokens == 30


def test_the_text_holds_one_chain_in_order_and_nothing_else():
    for sample in made(VariableTracking()):
        found = ASSIGNMENT.findall(sample.context)
        assert [name for name, _ in found] == list(sample.answers)
        assert [of for _, of in found[1:]] == list(sample.answers[:-1])
        assert found[0][1] in sample.after
        assert all(len(name) == 5 for name in sample.answers)


def test_the_worked_example_answers_its_own_question_with_other_names_and_another_value():
    for sample in made(VariableTracking()):
        text, _, rest = sample.before.partition("Question:")
        (value,) = re.findall(r"value (\d+) in", rest)
        chain = ASSIGNMENT.findall(text)
        assert chain[0][1] == value
        assert value not in sample.after
        assert re.findall(r"are: (.*)", rest) == [" ".join(name for name, _ in chain)]
        assert not {name for name, _ in chain} & set(sample.answers)


def test_further_chains_are_there_but_no_part_of_the_answer():
    for sample in made(VariableTracking(chains=3, hops=2)):
        assert len(ASSIGNMENT.findall(sample.context)) == 9
        assert len(sample.answers) == 3 == len(sample.spans)
        for answer, (first, last) in zip(sample.answers, sample.spans, strict=True):
            assert sample.context[first:last].startswith(f"VAR {answer} = ")


def test_four_of_five_variables_score_four_fifths():
    task = VariableTracking()
    sample = made(task, n=1)[0]
    assert task.rule.grade(", ".join(sample.answers[1:]).lower(), sample) == 0.8
