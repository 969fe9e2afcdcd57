import re
from collections import Counter

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks import m4le
from longspan.evals.tasks.m4le import ARTICLE, TASKS, M4le
from longspan.evals.tasks.templates import pattern, read


def made(form, length=2048, n=11):
    return list(samples("m4le", M4le(form), length=length, n=n, seed=0, count=count))


def categories(sample):
    return [m4le._known(match["text"])[0] for match in ARTICLE.finditer(sample.context)]


def test_the_five_abilities_are_there_with_the_papers_rules():
    rules = {name: task.rule.name for name, task in TASKS.items()}
    assert rules == {
        "m4le/explicit_single": "m4le.exact_match",
        "m4le/explicit_multiple": "m4le.cls_f1",
        "m4le/semantic_single": "m4le.acc",
        "m4le/semantic_multiple": "m4le.exact_match",
        "m4le/global": "m4le.acc",
    }


def test_no_first_sentence_fits_two_templates():
    openings = [line for lines in read("m4le.txt").values() for line in lines if not line.startswith("+ ")]
    for line in openings:
        text = line.format(person="Ada Adler", city="Oslo")
        assert [other for other in openings if pattern(other).match(text)] == [line]


def test_a_single_article_lies_at_its_depth_within_an_article():
    for form in ("explicit_single", "semantic_single"):
        for index, sample in enumerate(made(form)):
            assert abs(sample.depth - index * 7 % 11 / 10) < 0.06


def test_the_asked_person_is_named_once_only():
    for sample in made("semantic_single"):
        (who,) = re.findall(r"'(.+)'", sample.after)
        assert sample.context.count(who) == 1


def test_one_to_six_articles_are_counted_and_their_number_varies():
    found = set()
    for sample in made("semantic_multiple"):
        (wanted,) = re.findall(r"'(.+)'", sample.after)
        assert categories(sample).count(wanted) == int(sample.answers[0]) == len(sample.spans)
        found.add(sample.answers[0])
    assert found <= set("123456")
    assert len(found) > 2


def test_ids_are_given_in_the_order_of_the_text():
    for sample in made("explicit_multiple"):
        assert 2 <= len(sample.answers) <= 6
        places = [sample.context.index(id) for id in sample.answers]
        assert places == sorted(places)


def test_more_than_half_of_the_articles_are_of_the_global_category():
    for sample in made("global"):
        among = Counter(categories(sample))
        assert among[sample.answers[0]] > sum(among.values()) / 2


def test_the_example_shows_the_form_of_the_answer():
    for form in TASKS:
        sample = made(form.removeprefix("m4le/"), n=1)[0]
        assert re.search(r"Question: .+\nAnswer: \S.*\n\n", sample.before)
