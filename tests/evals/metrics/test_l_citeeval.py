import pytest

from longspan.core.errors import InputError
from longspan.evals.metrics import l_citeeval as rules
from longspan.evals.task import Graded, Sample


def sample(*answers, task="l_citeeval/hotpotqa", **data):
    return Sample(task=task, id="i", before="", context="", after="", answers=answers, max_tokens=1, data=data)


def test_answers_are_the_first_line_without_citations():
    assert rules.F1.grade("The red fox [2][3].\nMore words here", sample("red fox", "dog")) == 1
    assert rules.F1.grade("red fox ran", sample("the fox")) == pytest.approx(2 * 1 / (3 + 1))
    assert rules.F1.grade("", sample("fox")) == 0


def test_summaries_lose_their_announcement():
    assert rules.summary("Here is a Summary: rain fell [1].\nMore") == "rain fell."
    assert rules.summary("A summary without the mark") == ""
    assert rules.ROUGE_L.grade("Summary: rain fell", sample("rain fell")) == pytest.approx(1)
    assert rules.ROUGE_L.grade("", sample("rain fell")) == 0


def test_needles_are_recalled_by_words():
    assert rules.ROUGE_1.grade("eat a sandwich [7]", sample("eat a cold sandwich")) == 3 / 4


@pytest.mark.parametrize(
    ("reply", "right", "recall", "precision"),
    [
        ('{"little_penguin": [3, 5], "passage_id": [1, 4]}', 1, 1, 1),
        ('Sure: {"little_penguin": [3, 3, 9], "passage_id": [1, 1, 2]} done', 1, 0.5, 0.5),
        ('{"little_penguin": [3], "passage_id": ["1", "4", 4]}', 0.5, 0.5, 1 / 3),
        ('{"little_penguin": 3, "passage_id": []}', 0, 0, 0),
        ("{3, 5}", 0, 0, 0),
        ("", 0, 0, 0),
    ],
)
def test_stars_are_counted_and_cited(reply, right, recall, precision):
    of = sample("3", "5", counts=[3, 5], gold=[0, 3])
    assert rules.STARS.grade(reply, of) == right
    assert rules.star_citations(reply, of)[:2] == (recall, pytest.approx(precision))


def test_the_needles_passage_has_to_be_among_the_first_three_cited():
    of = sample("x", gold=[4])
    assert rules.needle_citations("x [1][5]\n[9]", of) == (1, 0.5, pytest.approx(2 / 3))
    assert rules.needle_citations("x [1][2][3][5]", of) == (0, 0, 0)
    assert rules.needle_citations("x [5]", sample("x", gold=[])) == (0, 0, 0)


def test_lengths_outside_the_groups_count_as_wrong_answers_and_are_left_out_of_citations():
    lengths = (7_000, 8_000, 50_000)
    graded = [Graded(sample("a", length=length, gold=[0]), "[1]", 1.0) for length in lengths]
    assert rules.F1.total(graded) == 1 / 3
    citing = rules.citation_rule("recall", rules.needle_citations)
    assert citing.total([*graded[:2], Graded(graded[2].sample, "", 0.0)]) == 1
    assert citing.total([*graded[:1], Graded(graded[1].sample, "", 0.0)]) == 1 / 2
    news = Graded(sample("a", task="l_citeeval/multi_news", length=50_000), "[1]", 1.0)
    assert rules.F1.total([news]) == 1


def test_replies_without_sentences_are_left_out_where_a_model_judges():
    rule = rules.citation_rule("f1", rules.judged_citations(lambda premise, claim: True))
    of = sample("a", docs=["rain"])
    graded = [Graded(of, reply, rule.grade(reply, of)) for reply in ("It rained [1].", "It rained.", "")]
    assert [each.score for each in graded] == [1, 0, 0]
    assert rule.total(graded) == 1 / 2


def test_without_a_model_the_record_has_to_have_verdicts():
    rule = rules.citation_rule("f1", rules.judged_citations(None))
    with pytest.raises(InputError, match="`entailments`"):
        rule.grade("It rained [1].", sample("a", docs=["rain"]))
    verdicts = [{"sentence": 1, "passages": [1], "entails": True}]
    assert rule.grade("It rained [1].", sample("a", docs=["rain"], entailments=verdicts)) == 1


def test_sentences_end_at_stops_before_capitals_and_lines():
    text = 'It rained [1]. Then 3.5 cm fell [2][3]! "Why?" she asked.\nA line'
    assert rules.sentences(text) == ["It rained [1].", "Then 3.5 cm fell [2][3]!", '"Why?" she asked.', "A line"]
    assert rules.sentences(" \n") == []


def test_a_model_reads_titles_before_passages():
    seen = []

    def nli(premise, claim):
        seen.append((premise, claim))
        return True

    docs = ["rain fell", {"title": "Weather", "text": "it was wet"}]
    assert rules.judged_citations(nli)("It rained [1][2].", sample("x", docs=docs)) == (1, 1, 1)
    assert seen[0] == ("Passage: rain fell\nTitle: Weather\nPassage: it was wet", "It rained.")


def test_verdicts_come_from_the_record_or_are_asked_for():
    of = sample("x", docs=list("abcde"), entailments=[{"sentence": 1, "passages": [2], "entails": True}])
    assert rules.judged_citations(None)("It rained [2].", of) == (1, 1, 1)
    with pytest.raises(InputError, match=r"passages \[3\] entail sentence 1"):
        rules.judged_citations(None)("It rained [3].", of)
