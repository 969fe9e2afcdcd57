"""Models without a rotary embedding are refused before their weights are read, with what still applies."""

import json

import pytest

from longspan.core.errors import InputError
from longspan.models.model import Model
from longspan.models.placing import check_rotary


@pytest.mark.parametrize(
    ("settings", "how"),
    [
        ({"model_type": "bloom"}, "ALiBi biases"),
        ({"model_type": "falcon", "alibi": True}, "ALiBi biases"),
        ({"model_type": "gpt2"}, "a table of positions"),
        ({"model_type": "opt"}, "a table of positions"),
    ],
)
def test_how_positions_are_told_and_what_still_applies_is_said(tmp_path, settings, how):
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{how}.*rope= and positions= do not apply.*Retrieval"):
        Model.load(tmp_path)


@pytest.mark.parametrize("text", ['{"model_type": "llama"}', '{"model_type": "falcon", "alibi": false}', "[]", "no"])
def test_others_are_left_to_the_loader(tmp_path, text):
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    check_rotary(tmp_path)
    check_rotary(tmp_path / "nowhere")
