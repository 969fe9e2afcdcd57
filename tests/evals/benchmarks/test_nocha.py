import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.nocha import TASKS

CLAIMS = [
    {"book_title": "the_ferry_a_writer", "claim": "Ada sails.", "type": True, "index": 7, "response-x": "TRUE"},
    {"book_title": "the_ferry_a_writer", "claim": "Ada rows.", "type": "False", "index": 7, "response-x": "SKIPPED"},
]


def pickled(books):
    """A dictionary of texts as a pickle file has it, written by hand: protocol 4, mark, strings, items, stop."""
    strings = (text.encode() for pair in books.items() for text in pair)
    return b"\x80\x04}(" + b"".join(b"X" + len(text).to_bytes(4, "little") + text for text in strings) + b"u."


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data_sample.json").write_text(json.dumps(CLAIMS))
    (tmp_path / "classic_books.pkl").write_bytes(pickled({"other": "x", "the_ferry_a_writer": "Ada set sail. " * 9}))
    return tmp_path


def test_claims_of_a_pair_ask_about_one_novel(folder):
    first, second = TASKS["nocha"].load(folder)
    assert first.context == second.context == "Ada set sail. " * 9
    assert first.data["pair"] == second.data["pair"] == "the_ferry_a_writer/7"
    assert (first.answers, second.answers) == (("TRUE",), ("FALSE",))
    assert "<statement>Ada sails.</statement>" in first.after
    assert first.data["prompt"] == "longspan"


def test_official_prompt_and_plain_text_novels_are_used_where_they_are(folder):
    (folder / "classic_books.pkl").unlink()
    (folder / "the_ferry_a_writer.txt").write_text("Plain.")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "prompt.txt").write_text("Read [book_text] then judge [claim]!")
    sample = next(iter(TASKS["nocha"].load(folder)))
    assert sample.prompt == "Read Plain. then judge Ada sails.!"
    assert sample.data["prompt"] == "official"


def test_novels_that_are_missing_or_no_texts_are_refused(folder):
    (folder / "classic_books.pkl").write_bytes(pickled({"other": "x"}))
    with pytest.raises(InputError, match=r"the_ferry_a_writer\.txt"):
        list(TASKS["nocha"].load(folder))
    (folder / "classic_books.pkl").write_bytes(b"no pickle")
    with pytest.raises(InputError, match=r"classic_books\.pkl"):
        list(TASKS["nocha"].load(folder))


def test_a_pickle_is_never_run(folder, tmp_path):
    (folder / "classic_books.pkl").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(InputError, match="no text of the_ferry"):
        list(TASKS["nocha"].load(folder))
    assert not (tmp_path / "ran").exists()


def test_a_prediction_is_a_row_with_one_models_response():
    task = TASKS["nocha"]
    reply, sample = task.read(CLAIMS[0])
    assert (reply, sample.answers, sample.data["pair"]) == ("TRUE", ("TRUE",), "the_ferry_a_writer/7")
    assert task.rule.grade(reply, sample) == 1
    assert task.rule.grade(*task.read(CLAIMS[1])) == 0
    for record in ({}, {**CLAIMS[0], "response-y": ""}, {**CLAIMS[0], "type": "perhaps"}):
        with pytest.raises((KeyError, ValueError)):
            task.read(record)
