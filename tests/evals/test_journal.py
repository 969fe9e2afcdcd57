"""A journal keeps what it was told first, whole, over processes."""

import pytest

from longspan.core.errors import InputError
from longspan.evals.journal import Journal


def test_values_come_back_and_the_first_of_a_key_stays(tmp_path):
    journal = Journal(tmp_path / "deep" / "found.sqlite")
    assert journal.get("a") is None
    journal.put("a", {"loss": 0.1, "tokens": [1, 2]})
    journal.put("a", "other")
    assert Journal(journal.path).get("a") == {"loss": 0.1, "tokens": [1, 2]}
    assert len(journal) == 1


def test_a_file_that_is_no_journal_is_told(tmp_path):
    (tmp_path / "found.sqlite").write_text("this is not a database" * 100)
    with pytest.raises(InputError, match="name another folder"):
        Journal(tmp_path / "found.sqlite").put("a", 1)
