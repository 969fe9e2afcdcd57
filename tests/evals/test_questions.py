"""Questions of a model count only where the passage proves them."""

from random import Random

import pytest
from tests.evals.test_generators import count

from longspan.core.errors import InputError
from longspan.evals.ask import samples
from longspan.evals.haystack import library
from longspan.evals.questions import Item, Questions, fact, load, read_item, save, write
from longspan.lm.scripted import Scripted

PASSAGE = "The mill at Brook Lane was built in 1834 by Hanna Weber, who ground rye there."


def test_an_answer_is_a_fact_that_the_passage_has_once():
    assert fact(PASSAGE, Random(0)) == "1834"
    assert fact("Then came Hanna Weber to the mill, and Otto.", Random(1)) in ("Hanna Weber", "Otto")
    assert fact("a b c", Random(0)) == ""


def test_a_question_must_not_give_its_answer_away():
    item = read_item(PASSAGE, "Hanna Weber", "Question: Who built the mill?\nIt is easy.")
    assert item == Item(PASSAGE, "Who built the mill?", "Hanna Weber")
    assert read_item(PASSAGE, "Hanna Weber", "What did Hanna Weber build?") is None
    assert read_item(PASSAGE, "Hanna Weber", "I cannot do that.") is None


def test_a_model_writes_as_many_questions_as_are_wanted():
    lm = Scripted(lambda messages: f"What is at place {len(lm.calls)}?")
    items = write(lm, library(), 5)
    assert len(items) == len({item.question for item in items}) == 5
    assert all(item.answer in item.passage for item in items)


def test_a_model_that_cannot_is_named_with_what_to_do():
    with pytest.raises(InputError, match=r"scripted wrote 0 usable questions about 8 passages.*--asker"):
        write(Scripted(lambda messages: "No."), library(), 2)


def test_samples_hold_the_passage_once_and_the_answer_nowhere_else():
    task = Questions((Item(PASSAGE, "Who built the mill?", "Hanna Weber"), Item("Yield pauses.", "What?", "Yield")))
    for sample in samples("docs/questions", task, length=900, n=6, seed=0, count=count):
        assert task.rule.grade(task.solve(sample), sample) == 1
        (answer,) = sample.answers
        assert sample.context.lower().count(answer.lower()) == 1
        ((first, last),) = sample.spans
        assert answer in sample.context[first:last]


def test_questions_survive_their_file(tmp_path):
    items = [Item(PASSAGE, "Who?", "Hanna Weber")]
    save(tmp_path, items)
    assert load(tmp_path / "questions.jsonl") == items
    (tmp_path / "questions.jsonl").write_text('{"passage": "x"}\n')
    with pytest.raises(InputError, match="line 1: it has no 'question'"):
        load(tmp_path / "questions.jsonl")
