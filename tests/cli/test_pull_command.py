import json
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from longspan.cli import models as models_command
from longspan.cli import pull as pull_command
from longspan.core.errors import InputError
from longspan.core.progress import Progress
from longspan.models import Shelved
from longspan.models.catalog import KNOWN


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "mine"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return model


def test_pull_prints_the_folder_of_each_model(folder: Path) -> None:
    ended = CliRunner().invoke(pull_command.command, [str(folder), str(folder)])
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.splitlines() == [str(folder), str(folder)]


def test_pull_of_an_unknown_name_is_an_input_error_with_the_nearest() -> None:
    ended = CliRunner().invoke(pull_command.command, ["smolm"])
    assert isinstance(ended.exception, InputError)
    assert "smollm2" in str(ended.exception)


def test_pull_without_a_terminal_asks_nothing_and_needs_the_flag() -> None:
    ended = CliRunner().invoke(pull_command.command, ["gemma3-270m"])
    assert isinstance(ended.exception, InputError)
    assert "--accept-terms" in str(ended.exception)


@pytest.mark.parametrize(("answer", "accepted"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_pull_at_a_terminal_asks_for_terms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, accepted: bool
) -> None:
    got: list[bool] = []

    def ensure(name: str, *, accept_terms: bool, **_: Progress) -> Path:
        got.append(accept_terms)
        return tmp_path

    monkeypatch.setattr("longspan.models.ensure", ensure)
    monkeypatch.setattr(pull_command, "at_terminal", lambda: True)
    ended = CliRunner().invoke(pull_command.command, ["gemma3-270m", "smollm2"], input=answer)
    assert ended.exit_code == 0, ended.output
    assert got == [accepted, False]
    assert KNOWN["gemma3-270m"].terms in ended.stderr


def test_models_json_lists_what_is_here_and_what_could_be(home: Path) -> None:
    place = home / "models" / "smollm2"
    place.mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192, "hidden_size": 576}
    config |= {"num_attention_heads": 9, "num_key_value_heads": 3, "num_hidden_layers": 30}
    (place / "config.json").write_text(json.dumps(config))
    ended = CliRunner().invoke(models_command.command, ["--json"])
    rows = {row["name"]: row for row in json.loads(ended.stdout)}
    assert set(rows) == set(KNOWN)
    assert [name for name, row in rows.items() if row["here"]] == ["smollm2"]
    assert rows["smollm2"]["kv_bytes_per_1k"] == 2 * 30 * 3 * 64 * 2 * 1024
    assert len({tuple(row) for row in rows.values()}) == 1


def test_the_table_fits_a_terminal_of_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelved = Shelved("qwen2.5-coder-0.5b", tmp_path, 32768, 630_167_424, 1_271_802_876, 12_582_912, "Apache-2.0")
    monkeypatch.setattr("longspan.models.shelf", lambda: [shelved])
    monkeypatch.setitem(os.environ, "COLUMNS", "80")
    ended = CliRunner().invoke(models_command.command)
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["model", "window", "weights", "on", "disk", "KV", "per", "1k", "licence"]
    assert " ".join(lines[1].split()) == "qwen2.5-coder-0.5b 32,768 630.2 M 1,271.8 MB 12.6 MB Apache-2.0"
    assert max(len(line) for line in lines[:2]) <= 80
    assert any(line.startswith("  gemma3-270m: ") for line in lines)


def test_commands_explain_themselves() -> None:
    for command in (pull_command.command, models_command.command):
        assert isinstance(command, click.Command)
        assert CliRunner().invoke(command, ["--help"]).exit_code == 0
