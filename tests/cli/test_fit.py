"""`longspan fit` says what fits, in JSON too, and what was typed wrong."""

from __future__ import annotations

import json

import pytest
from tests.models.tiny_model import tiny_model

from longspan.cli.fit import size
from longspan.cli.main import main
from longspan.core.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    model = tiny_model()
    model.network.save_pretrained(tmp_path / "tiny")
    model.tokenizer.save_pretrained(tmp_path / "tiny")
    return str(tmp_path / "tiny")


def call(*arguments):
    return main(["fit", *arguments])


def test_a_plan_is_chosen_run_and_compared(folder, capsys):
    code = call(folder, "--ctx", "400", "--reply", "20", "--users", "--run", "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["chosen"]["way"] == "full"
    assert result["users"]["users"] > 0
    assert result["outcome"]["kv"] == result["chosen"]["kv"]
    assert code == (0 if result["close"] else 1)


def test_what_does_not_fit_is_shown_and_ends_with_2(folder, capsys):
    assert call(folder, "--ctx", "4k", "--ram", "10M") == 2
    said = capsys.readouterr()
    assert "x  full" in said.out
    assert "nothing fits: the least is" in said.err


@pytest.mark.parametrize("text", ["", "4Q", "-1G", "G", "0"])
def test_an_amount_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="no amount of memory: write for instance 4G"):
        size("--ram", text)
