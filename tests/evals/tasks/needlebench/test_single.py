import re

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.needlebench.language import FILES, language
from longspan.evals.tasks.needlebench.single import Single


def made(task, length=2048, n=11):
    return list(samples("single", task, length=length, n=n, seed=0, count=count))


def test_no_keyword_is_part_of_another_or_told_by_a_question():
    for code in FILES:
        words = [word for values in language(code).values.values() for word in values]
        assert [(a, b) for a in words for b in words if a != b and a in b] == []
        assert len(words) == len(set(words))
        assert [(w, fact) for w in words for fact in language(code).facts if w in fact.question] == []


def test_there_are_sixty_facts_in_english_and_forty_in_chinese_each_with_a_keyword():
    assert [len({fact.question for fact in language(code).facts}) for code in FILES] == [60, 40]
    for code in FILES:
        for fact in language(code).facts:
            value = language(code).values[fact.kind][0]
            assert fact.read(f"Before it. {fact.needle.format(value=value)} After it.") == value


def test_the_sentence_stands_on_its_own_line_at_the_depth_asked_for():
    for code in FILES:
        for index, sample in enumerate(made(Single(code), 4096)):
            ((first, last),) = sample.spans
            assert sample.context[first:last] in sample.context.split("\n")
            assert sample.answers[0] in sample.context[first:last]
            assert abs(sample.depth - index * 7 % 11 / 10) < 0.06


def test_the_chinese_variant_is_chinese_throughout_and_ends_at_the_character():
    for sample in made(Single("zh"), n=3):
        assert re.findall(r"[A-Za-z]+", sample.prompt) == []
        assert count(sample.prompt) + sample.max_tokens == 2048
