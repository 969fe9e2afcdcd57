"""Citations: recall and precision by a scripted model of entailment."""

import pytest

from longspan.evals.metrics.alce import citations, claims

DOCUMENTS = ["cats sleep", "dogs bark", "cats sleep and dogs bark", "birds fly"]


def entails(premise: str, claim: str) -> bool:
    """Every word of the claim longer than 3 letters is in the premise."""
    return all(word.strip(".,").lower() in premise for word in claim.split() if len(word.strip(".,")) > 3)


@pytest.mark.parametrize(
    ("reply", "recall", "precision"),
    [
        ("Cats sleep [1].", 1, 1),
        ("Cats sleep [2].", 0, 0),
        ("Cats sleep.", 0, 0),
        ("Cats sleep [1][4].", 1, 0.5),
        ("Cats sleep, dogs bark [1][2].", 1, 1),
        ("Cats sleep, dogs bark [1][2][4].", 1, 2 / 3),
        ("Cats sleep, dogs bark [1][4][4][2].", 0, 0),
        ("Cats sleep [1]. Birds fly [2].", 0.5, 0.5),
        ("Cats sleep [9]. Birds fly [4].", 0.5, 1),
        ("Birds fly [0].", 1, 1),
    ],
)
def test_citations_must_bear_out_their_sentence_and_be_needed_for_it(
    reply: str, recall: float, precision: float
) -> None:
    found = citations(reply, DOCUMENTS, entails)
    assert found is not None
    assert (found.recall, found.precision) == pytest.approx((recall, precision))


def test_items_of_a_list_are_claims_after_the_question() -> None:
    seen: list[str] = []

    def remember(premise: str, claim: str) -> bool:
        seen.append(claim)
        return "bark" in claim

    assert citations("bark [2], sing [3].", DOCUMENTS, remember, question="What do dogs do?") == (0.5, 0.5, 0.5)
    assert seen == ["What do dogs do? bark", "What do dogs do? sing"]


def test_a_reply_without_sentences_has_no_score() -> None:
    assert citations("", DOCUMENTS, entails) is None
    assert citations("1.", DOCUMENTS, entails) is None


def test_no_documents_means_no_citation_counts() -> None:
    assert citations("Cats sleep [0]. Dogs bark [1].", [], entails) == (0, 0, 0)


def test_sentences_end_before_a_capital() -> None:
    assert claims("It cost 3.5 m. a year [1]. Then it fell! No. Why?") == [
        "It cost 3.5 m. a year [1].",
        "Then it fell!",
    ]
