import re
from itertools import pairwise

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.longbio.reasoning import TASKS

NAME = r"[A-Z]\w+ [A-Z]\w+ [A-Z]\w+"


def made(name, n=11):
    return list(samples(name, TASKS[f"longbio/{name}"], length=4096, n=n, seed=0, count=count))


def ages(sample):
    return {name: int(age) for name, age in re.findall(rf"({NAME}) is (\d+) years old", sample.context)}


def examples(sample):
    *shown, last = re.findall(r"Question: (.*?)(?:\nAnswer: (.*?)\n\n|$)", sample.after)
    return shown, last[0]


def test_two_examples_precede_the_question_and_are_right_by_the_rule_of_the_task():
    for name in ("calculation", "rank_2", "rank_5"):
        for sample in made(name, 4):
            shown, _ = examples(sample)
            assert len(shown) == 2
            for question, worked in shown:
                years = [ages(sample)[person] for person in re.findall(NAME, question)]
                if name == "calculation":
                    assert worked.endswith(f" = {abs(years[0] - years[1])}.")
                else:
                    ranked = worked.rpartition(": ")[2].rstrip(".").split(", ")
                    assert [ages(sample)[person] for person in ranked] == sorted(years)


def test_ages_of_a_group_differ_so_that_no_answer_is_0_and_every_order_is_one():
    for name in ("calculation", "rank_2", "rank_5"):
        for sample in made(name):
            named = re.findall(NAME, examples(sample)[1])
            assert len({ages(sample)[person] for person in named}) == len(named) == int(name[-1] == "5") * 3 + 2


def test_only_one_of_a_chain_states_the_fact_and_each_other_names_the_one_before():
    for name, links in (("multihop_2", 1), ("multihop_5", 4)):
        for sample in made(name):
            told = [sample.context[first:last] for first, last in sample.spans]
            assert sum(" has the same " in sentence for sentence in told) == links
            assert sample.answers[0] in told[0]
            for before, after in pairwise(told):
                (person,) = re.findall(rf"({NAME})\.$", after)
                assert person in before


def test_any_pair_of_that_difference_counts_and_no_other():
    (sample,) = made("twodiff", 1)
    years = ages(sample)
    grade, apart = TASKS["longbio/twodiff"].rule.grade, int(sample.answers[0])
    assert sample.data["ages"] == {name: str(age) for name, age in years.items()}
    for first in years:
        for second in years:
            if first != second:
                right = abs(years[first] - years[second]) == apart
                assert grade(f"{first} and {second}", sample) == float(right)
