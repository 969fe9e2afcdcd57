from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.ruler.niah import NEEDLE, TASKS, Niah


def made(task, length=2048, n=11):
    return list(samples("niah", task, length=length, n=n, seed=0, count=count))


def test_the_eight_forms_have_the_papers_settings():
    forms = {name.removeprefix("ruler/niah_"): task for name, task in TASKS.items()}
    assert len(forms) == 8
    assert forms["single_1"] == Niah(haystack="noise", keys="words", values="numbers")
    assert forms["single_3"].values == "uuids"
    assert (forms["multikey_1"].hidden, forms["multivalue"].repeats, forms["multiquery"].asked) == (4, 4, 4)
    assert forms["multikey_3"].haystack == "needles"


def test_the_needle_lies_at_its_depth_within_a_sentence():
    for task in (Niah(), Niah(haystack="text"), Niah(haystack="needles")):
        for index, sample in enumerate(made(task)):
            (first, last), asked = sample.spans[0], index * 7 % 11 / 10
            assert NEEDLE.fullmatch(sample.context[first:last])
            assert abs(first / len(sample.context) - asked) < 0.06


def test_only_as_many_needles_are_hidden_as_the_form_says():
    for name, hidden in {"multikey_1": 4, "multivalue": 4, "multiquery": 4, "single_2": 1}.items():
        for sample in made(TASKS[f"ruler/niah_{name}"], n=2):
            assert len(NEEDLE.findall(sample.context)) == hidden


def test_half_of_four_values_is_half_a_score():
    (sample,) = made(TASKS["ruler/niah_multivalue"], n=1)
    grade = TASKS["ruler/niah_multivalue"].rule.grade
    assert grade(f"They are {sample.answers[0]} and {sample.answers[2]}", sample) == 0.5
