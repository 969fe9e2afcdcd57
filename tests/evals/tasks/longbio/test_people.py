from itertools import islice
from random import Random

import pytest

from longspan.evals.tasks.longbio.people import ATTRIBUTES, YEAR, crowd, line, lines, people, question, tell, templates
from longspan.evals.tasks.longbio.reading import answer, asked, read


def somebody(n=1, seed=0):
    return list(islice(people(Random(seed)), n))


@pytest.mark.parametrize("form", ["standard", "paraphrase", "first person"])
def test_every_wording_of_every_fact_is_read_back_as_that_fact(form):
    facts = ("age", *ATTRIBUTES)
    assert set(templates(form)) == set(facts)
    for seed, person in enumerate(somebody(40)):
        told = read(line(tell(Random(seed), person, facts, form=form)))
        assert told[person.name].facts == dict(person.facts)


def test_a_sentence_can_be_read_in_one_way_only():
    for form in ("standard", "paraphrase", "first person"):
        for attribute, sentences in templates(form).items():
            for sentence in sentences:
                text = f"Biography of Ada Leo Ford: {sentence.format(name='Ada Leo Ford', value='VALUE')}"
                assert read(text)["Ada Leo Ford"].facts == {attribute: "VALUE"}


def test_ages_are_those_of_the_year_of_the_paper():
    for person in somebody(50):
        assert int(person.facts["age"]) == YEAR - int(person.facts["birthdate"][:4])
        assert 23 <= int(person.facts["age"]) <= 74


def test_no_two_people_have_one_name():
    everybody = somebody(5000)
    assert len({person.name for person in everybody}) == 5000


def test_lists_have_no_value_twice_and_none_that_reads_as_two_sentences():
    for section in ("hobbies", "majors"):
        values = lines(section)
        assert len(set(values)) == len(values) > 60
        assert not any(". " in value or value != value.strip() for value in values)


def test_who_has_the_same_is_followed_to_the_one_who_has_it():
    first, second, third = somebody(3)
    bios = [
        tell(Random(0), first),
        tell(Random(0), second, like={"hobby": first.name}),
        tell(Random(0), third, like={"hobby": second.name}),
    ]
    told = read("\n".join(map(line, bios)))
    assert answer(told, question("hobby", third.name)) == first.facts["hobby"]
    assert answer(told, question("major", third.name)) == third.facts["major"]


def test_a_question_tells_its_attribute_and_person():
    for attribute in ("age", *ATTRIBUTES):
        assert asked(question(attribute, "Ada Leo Ford")) == (attribute, "Ada Leo Ford")
    with pytest.raises(KeyError):
        asked("Who is that?")


def test_a_crowd_has_as_many_sentences_as_asked():
    for size in (0, 1, 5, 6, 7, 31):
        bios = crowd(Random(0), people(Random(0)), size)
        assert sum(len(bio) - 1 for bio in bios) == size


def test_density_is_the_share_that_states_the_rare_fact():
    bios = crowd(Random(0), people(Random(0)), 6000, rare="hobby", density=0.25)
    assert abs(sum("hobby" in bio for bio in bios) / len(bios) - 0.25) < 0.05
