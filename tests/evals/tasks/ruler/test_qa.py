import json
import re

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.tasks.ruler.articles import answer
from longspan.evals.tasks.ruler.qa import ALIKE, Qa

ARTICLES = {
    "Whales": ["Blue whales weigh 150 tonnes and eat krill.", "Sperm whales dive for squid, 2 km deep."],
    "Bridges": ["The Rialto bridge crosses the Grand Canal.", "Arch bridges carry loads by compression."],
    "Tea": [f"Tea plant number {index} grows on a slope and likes rain very much." for index in range(200)],
}


@pytest.fixture
def squad(tmp_path):
    asked = [
        {"question": "How deep do sperm whales dive?", "answers": [{"text": "2 km"}, {"text": "2 km"}, {"text": "2"}]},
        {"question": "Who built sperm whales?", "answers": [], "is_impossible": True},
    ]
    paragraphs = {
        title: [{"context": text, "qas": asked if text.startswith("Sperm") else []} for text in texts]
        for title, texts in ARTICLES.items()
    }
    path = tmp_path / "questions.json"
    rows = [{"title": title, "paragraphs": each} for title, each in paragraphs.items()]
    path.write_text(json.dumps({"version": "v2.0", "data": rows}))
    return str(path)


def made(task, length=2048, n=11):
    return list(samples("qa", task, length=length, n=n, seed=0, count=count))


def documents(sample):
    found = re.findall(r"Document (\d+):\n(.*)", sample.context)
    assert [number for number, _ in found] == [str(number) for number in range(1, len(found) + 1)]
    return [document for _, document in found]


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_the_answer_needs_every_document_of_the_chain(hops):
    for sample in made(Qa(hops=hops)):
        assert len(sample.spans) == hops
        (question,) = re.findall("Question: (.*)", sample.after)
        everything = documents(sample)
        assert answer(question, everything) == sample.answers[0]
        for first, last in sample.spans:
            assert sample.context[first:last] in everything
            assert not answer(question, [each for each in everything if each != sample.context[first:last]])


def test_documents_with_a_name_much_like_it_stand_beside_the_evidence():
    for sample in made(Qa()):
        (first, last) = sample.spans[0]
        gold = sample.context[first:last]
        word = gold.split(" earned")[0].split(" is a ")[0].split()[-1]
        same = [document for document in documents(sample) if word in document.split(".")[0] + document[:40]]
        assert len(same) >= 1 + ALIKE


def test_the_answer_lies_at_the_depth_asked_for():
    for index, sample in enumerate(made(Qa(), length=8192)):
        assert sample.depth == pytest.approx(index * 7 % 11 / 10, abs=0.03)
        assert sample.context[slice(*sample.spans[-1])].count(sample.answers[0]) >= 1


def test_a_file_of_questions_gives_its_paragraph_those_of_its_article_first_and_every_answer(squad):
    task = Qa(file=squad)
    for sample in made(task, length=1024, n=4):
        assert "How deep do sperm whales dive?" in sample.after
        assert sample.answers == ("2 km", "2")
        assert sample.context[slice(*sample.spans[0])] == ARTICLES["Whales"][1]
        assert ARTICLES["Whales"][0] in documents(sample)
        assert task.rule.grade(task.solve(sample), sample) == 1
        assert 0 <= 1024 - count(sample.prompt, sample.start) - 32 <= 10
    assert task.card.source == squad


def test_a_file_without_enough_paragraphs_gives_what_it_has(squad):
    (sample,) = made(Qa(file=squad), length=16_384, n=1)
    assert len(documents(sample)) == 204


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot read"), ("{}", "not in the format"), ("[1]", "not in the format"), ('{"data": []}', "no question")],
)
def test_a_file_that_does_not_serve_is_named(tmp_path, text, message):
    path = tmp_path / "questions.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        made(Qa(file=str(path)), n=1)
    assert str(path) in str(caught.value)


def test_two_hops_through_a_file_are_refused():
    with pytest.raises(InputError, match="hops is 2"):
        Qa(hops=2, file="questions.json")
