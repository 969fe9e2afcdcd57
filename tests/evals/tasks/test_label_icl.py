from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.label_icl import EXAMPLE, TASKS, LabelIcl


def made(task, length=2048, n=4):
    return list(samples("label_icl", task, length=length, n=n, seed=0, count=count))


def test_every_class_is_shown_before_it_is_asked_for():
    for task in TASKS.values():
        for sample in made(task, 8192):
            shown = [label for _, label in EXAMPLE.findall(sample.context)]
            assert sample.answers[0] in shown
            assert max(map(shown.count, shown)) - min(map(shown.count, shown)) <= 1


def test_longer_prompts_have_more_classes_up_to_77():
    classes = [
        len({label for _, label in EXAMPLE.findall(made(LabelIcl(), n)[0].context)}) for n in (1024, 2048, 16384)
    ]
    assert classes == sorted(classes)
    assert classes[0] < classes[-1] == 77


def test_numbers_say_nothing_of_the_class():
    (first, second) = made(LabelIcl(labels="numbers"), n=2)
    assert all(label.isdigit() for _, label in EXAMPLE.findall(first.context))
    assert first.answers[0].isdigit()
    assert first.context != second.context


def test_the_first_line_decides():
    (sample,) = made(LabelIcl(labels="numbers"), n=1)
    grade = LabelIcl.rule.grade
    (answer,) = sample.answers
    assert grade(f" **Label: {answer}**\nbecause", sample) == 1
    assert grade(f"I think\n{answer}", sample) == 0
    assert grade(f"{answer}0", sample) == 0
