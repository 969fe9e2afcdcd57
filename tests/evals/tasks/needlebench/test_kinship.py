from itertools import pairwise

from longspan.evals.tasks.needlebench.kinship import QUESTIONS, Family, Link, family, read, solve
from longspan.evals.tasks.needlebench.language import FILES, language

EN = language("en")
CHAIN = Family((Link("Otto Holt", "Mara Bell", 2), Link("Mara Bell", "Ada Baker", 1)), ("", ""))


def test_every_sentence_with_every_relation_is_read_back():
    for code in FILES:
        spoken = language(code)
        people = ("Otto Holt", "Mara Bell") if code == "en" else ("\u738b\u5c0f\u660e", "\u674e\u5927\u6d77")
        for shape in spoken.sentences:
            for relation, generations in spoken.relations.items():
                told = shape.format(elder=people[0], younger=people[1], relation=relation)
                assert read(spoken, f"Not a relative. {told} Nor this.") == [Link(*people, generations)], told


def test_parents_are_one_generation_and_grandparents_two():
    assert {word for word, far in EN.relations.items() if far == 1} == {"father", "mother", "dad", "mom"}
    assert all(far == 2 for word, far in EN.relations.items() if "grand" in word)
    assert [list(language(code).relations.values()).count(2) for code in FILES] == [6, 6]


def test_the_four_questions_of_a_small_family_have_the_answers_worked_out_by_hand():
    expected = {"eldest": "Otto Holt", "ancestor": "Otto Holt", "descendant": "Ada Baker", "distance": "3"}
    for question in QUESTIONS:
        words = CHAIN.ask(question, EN.prompts)
        assert CHAIN.answer(question) == expected[question]
        assert solve(EN, CHAIN.links[::-1], words) == expected[question], words
    assert solve(EN, CHAIN.links, "Who is it?") == ""


def test_an_ancestor_half_way_up_is_found_by_generations():
    question = EN.prompts["ancestor"].format(younger="Ada Baker", distance=1)
    assert solve(EN, CHAIN.links, question) == "Mara Bell"


def test_a_longer_chain_adds_elders_to_the_same_people():
    short, long = (family(EN, "seed", n) for n in (3, 40))
    assert long.links[-3:] == short.links
    assert len({link.elder for link in long.links} | {long.links[-1].younger}) == 41
    assert all(a.younger == b.elder for a, b in pairwise(long.links))
