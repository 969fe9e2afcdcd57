import pytest

from longspan.evals.metrics import longicl as rules
from longspan.evals.task import Graded, Sample


def sample(*answers, **data):
    return Sample(task="t", id="0", before="", context="", after="", answers=answers, max_tokens=9, data=data)


TEXT = {"echo": "I lost my card", "cue": "Intent:", "next": "Query:"}


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (" card_Lost\nmore", 1),
        ("card_lost Query: another", 1),
        ("Query: I lost my card\nIntent: card_lost\nQuery: x", 1),
        ("I lost my card. card_lost", 0),
        ("I lost my card\ncard_lost", 1),
        ("the intent is card_lost", 0),
        ("card_lost.", 0),
        ("", 0),
    ],
)
def test_the_first_line_must_be_the_label(reply, score):
    assert rules.accuracy(reply, sample("card_lost", **TEXT)) == score


def test_a_discourse_marker_is_read_without_marks():
    assert rules.marker_accuracy(' "As_a_result."', sample("as_a_result,")) == 1
    assert rules.marker_accuracy("as a result", sample("as_a_result,")) == 0
    assert rules.marker_accuracy("", sample("as_a_result,")) == 0


def total(rule, *pairs):
    return rule.total([Graded(each, reply, rule.grade(reply, each)) for reply, each in pairs])


def test_entities_are_counted_over_all_sentences():
    first = sample(entities={"Rome": "location-GPE", "Ann": "person-actor", "Oslo": "location-GPE"})
    second = sample(entities={"Bonn": "location-GPE"})
    replies = ("Rome: location-GPE\nAnn: person-other\nSentence: x\nOslo: location-GPE", "Bonn: location-GPE\n")
    # predicted 2 + 1, to be found 3 + 1, right 1 + 1
    precision, recall = 2 / 3, 2 / 4
    expected = 2 * precision * recall / (precision + recall)
    assert total(rules.ENTITY_F1, *zip(replies, (first, second), strict=True)) == pytest.approx(expected, abs=1e-7)
    assert rules.ENTITY_F1.grade(replies[0], first) == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert rules.ENTITY_F1.grade("", first) == total(rules.ENTITY_F1, ("", first)) == 0


def test_entity_lines_end_at_the_first_other_line_and_lose_what_follows_a_second_colon():
    assert rules.entities("A: x\nB: y: z\nnothing\nC: x") == {"A": "x", "B": "y"}
    assert rules.entities("Sentence: A b\nA: x", "Sentence: A b") == {"A": "x"}
    assert rules.entities("sentence: A\nA: x") == {}


def test_a_reply_that_is_no_relation_is_not_a_prediction():
    right, wrong, none = sample("per:title"), sample("per:age"), sample("per:age")
    pairs = [("per:title", right), ("per:title", wrong), ("a sailor", none)]
    precision, recall = 1 / 2, 1 / 3
    expected = 2 * precision * recall / (precision + recall)
    assert total(rules.RELATION_F1, *pairs) == pytest.approx(expected, abs=1e-7)
    assert [rules.RELATION_F1.grade(*pair) for pair in pairs] == [1, 0, 0]


def test_relations_of_a_dialogue_are_compared_by_place():
    dialogue = sample("per:title", "per:age", "per:pet")
    reply = "it is per:title, per:pet, none\nper:pet"
    assert rules.pairs_counts(reply, dialogue) == (2, 3, 1)
    assert rules.pairs_counts("per:title, per:age, per:pet, per:boss", dialogue) == (4, 3, 3)
    assert rules.pairs_counts("", dialogue) == (0, 3, 0)
    assert rules.PAIRS_F1.grade("", dialogue) == 0


def test_dialogues_after_the_five_hundredth_relation_do_not_count():
    many = sample(*["per:age"] * 250)
    right, wrong = ", ".join(["per:age"] * 250), "per:boss"
    assert total(rules.PAIRS_F1, (right, many), (right, many), (wrong, many)) == pytest.approx(1)
    assert total(rules.PAIRS_F1, (right, many), (wrong, many)) < 0.7


def test_the_known_relations_are_those_of_the_two_sets():
    assert len(rules.labels("tacred")) == 41
    assert len(rules.labels("dialogre")) == 34
    assert "org:top_members/employees" in rules.labels("tacred")
