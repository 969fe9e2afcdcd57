import pytest

from longspan.evals.metrics.pooled import bundle, pooled, unbundle
from longspan.evals.task import Graded, Rule, Sample

EXACT = pooled(Rule("longspan.exact", lambda reply, sample: float(reply == sample.answers[0])))


def sample(answer):
    return Sample(
        task="t", id="i", before="", context="", after="", answers=(answer,), max_tokens=1, data={"n": answer}
    )


def test_every_question_of_a_bundle_counts_once():
    three = bundle([("a", sample("a")), ("x", sample("b")), ("x", sample("c"))])
    one = ("d", sample("d"))
    graded = [Graded(each, reply, EXACT.grade(reply, each)) for reply, each in (three, one)]
    assert [each.score for each in graded] == [pytest.approx(1 / 3), 1]
    assert EXACT.total(graded) == 2 / 4


def test_a_bundle_comes_apart_into_what_it_was_made_of():
    parts = [("a", sample("a")), ("b", sample("b"))]
    assert list(unbundle(*bundle(parts))) == parts
    assert bundle(parts[:1]) == parts[0]
    with pytest.raises(ValueError, match="no replies"):
        bundle([])


def test_the_questions_of_a_bundle_count_once_in_every_part_too():
    rule = Rule("longspan.by_answer", EXACT.grade, parts=lambda found: {each.sample.answers[0]: 1.0 for each in found})
    reply, bundled = bundle([("a", sample("a")), ("x", sample("b"))])
    parts = pooled(rule).parts
    assert parts is not None
    assert parts([Graded(bundled, reply, 0.5), Graded(sample("c"), "c", 1)]) == {"a": 1, "b": 1, "c": 1}
    assert EXACT.parts is None
