import pytest

from longspan.evals.tasks.babilong.reading import read
from longspan.evals.tasks.babilong.task import KINDS

WALK = "Karl walked to the attic. Clara came to the stable. Some other text. Karl hurried to the market."
CARRY = (
    "Karl walked to the attic. Karl grabbed the lantern. Karl came to the market. Clara came to the market. "
    "Karl put down the lantern. Karl took along the basket. Karl walked to the cellar. Karl gave the basket to Clara. "
    "Clara picked up the trumpet."
)
SIT = (
    "Karl is in the attic. Clara is either in the cellar or in the stable. Hugo is not in the market. "
    "Greta is in the market. Greta is no longer in the market."
)
DATED = (
    "This evening Karl walked to the attic. Yesterday Karl came to the stable. This morning Clara came to the attic. "
    "This afternoon Karl hurried to the cellar."
)


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (WALK, "Where is Karl?", "market"),
        (WALK, "Where is Clara?", "stable"),
        (WALK, "Is Karl in the attic?", "no"),
        (WALK, "Is Clara in the stable?", "yes"),
        ("Karl came to the attic. Then he walked to the chapel.", "Where is Karl?", "chapel"),
        ("Karl and Clara came to the attic. Afterwards they walked to the chapel.", "Where is Clara?", "chapel"),
        ("Karl and Clara came to the attic. Hugo and Karl walked to the chapel.", "Where is Clara?", "attic"),
        (CARRY, "Where is the lantern?", "market"),
        (CARRY, "Where is the basket?", "cellar"),
        (CARRY, "Where was the lantern before it came to the market?", "attic"),
        (CARRY, "Who gave the basket to Clara?", "Karl"),
        (CARRY, "What did Karl give to Clara?", "basket"),
        (CARRY, "Who got the basket from Karl?", "Clara"),
        (CARRY, "How many things does Karl carry?", "none"),
        (CARRY, "How many things does Clara carry?", "two"),
        (CARRY, "What does Clara carry?", "basket,trumpet"),
        (CARRY, "What does Karl carry?", "nothing"),
        (SIT, "Is Karl in the attic?", "yes"),
        (SIT, "Is Clara in the cellar?", "maybe"),
        (SIT, "Is Clara in the attic?", "no"),
        (SIT, "Is Hugo in the market?", "no"),
        (SIT, "Is Greta in the market?", "no"),
        (DATED, "Where was Karl before going to the attic?", "cellar"),
        (DATED, "Where was Karl before going to the cellar?", "stable"),
    ],
)
def test_people_and_things_are_followed_fact_by_fact(text, question, answer):
    assert read(text, question) == answer


def test_a_question_of_no_known_form_is_an_error():
    with pytest.raises(ValueError, match="Why is it so"):
        read(WALK, "Why is it so?")


@pytest.mark.parametrize(
    ("kind", "text", "question", "answer"),
    [
        ("qa4", "The attic is north of the cellar.", "What is north of the cellar?", "attic"),
        ("qa4", "The attic is north of the cellar.", "What is the cellar south of?", "attic"),
        ("qa4", "The attic is north of the cellar.", "What is south of the attic?", "cellar"),
        (
            "qa15",
            "Karl is an owl. All owls are afraid of goats. All goats are afraid of hares.",
            "What is Karl afraid of?",
            "goat",
        ),
        (
            "qa16",
            "Karl is an owl. Clara is a fox. Clara is brown. Hugo is purple. Hugo is an owl.",
            "What colour is Karl?",
            "purple",
        ),
        (
            "qa17",
            "The red circle is above the blue cone. The blue cone is to the left of the black ring.",
            "Is the red circle to the left of the black ring?",
            "yes",
        ),
        (
            "qa17",
            "The red circle is above the blue cone. The blue cone is to the left of the black ring.",
            "Is the red circle below the black ring?",
            "no",
        ),
        (
            "qa18",
            "The tin box fits inside the glass box. The steel box is bigger than the glass box.",
            "Does the tin box fit inside the steel box?",
            "yes",
        ),
        (
            "qa18",
            "The tin box fits inside the glass box. The steel box is bigger than the glass box.",
            "Is the tin box bigger than the steel box?",
            "no",
        ),
        (
            "qa19",
            "The attic is north of the cellar. The market is west of the attic.",
            "How do you go from the cellar to the market?",
            "n,w",
        ),
        (
            "qa19",
            "The attic is north of the cellar. The market is west of the attic.",
            "How do you go from the market to the cellar?",
            "e,s",
        ),
        ("qa20", "Karl is tired. Clara is hungry.", "Where will Karl go?", "bedroom"),
        ("qa20", "Karl is tired. Karl goes to the bedroom.", "Why does Karl go to the bedroom?", "tired"),
    ],
)
def test_relations_are_worked_out(kind, text, question, answer):
    assert KINDS[kind].solve(text, question) == answer
