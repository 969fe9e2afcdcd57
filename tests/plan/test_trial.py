"""A trial runs what was promised, in a process of its own."""

from __future__ import annotations

import pytest
from tests.models.tiny_model import tiny_model

from longspan.archive import Archive
from longspan.core.errors import InputError
from longspan.models.precision import PRECISIONS
from longspan.plan.shape import Shape
from longspan.plan.trial import Trial, base, run


@pytest.fixture
def folder(tmp_path):
    model = tiny_model()
    model.network.save_pretrained(tmp_path / "tiny")
    model.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_model_on_disk_has_the_sizes_of_the_loaded_one(folder):
    assert Shape.read(folder, PRECISIONS["float32"]) == Shape.of(tiny_model())
    with pytest.raises(InputError, match="cannot read the sizes"):
        Shape.read(folder.parent, PRECISIONS["float32"])


def test_a_trial_tells_what_it_took_and_a_broken_one_why(folder):
    trial = Trial(str(folder), "float32", "cpu", "kv=snapkv:window=4,budget=40", 200, 16, 2, 64)
    outcome = run(trial)
    assert outcome.kv > 0
    assert outcome.peak > 100 * 2**20
    with pytest.raises(InputError, match=r"trial run failed: .*no precision named"):
        run(Trial(str(folder), "float3", "cpu", "", 20, 16, 1, 64))


def test_what_the_interpreter_holds_is_measured_once(tmp_path):
    archive = Archive(tmp_path)
    first = base(archive)
    assert 50 * 2**20 < first < 4 * 2**30
    assert base(archive) == first
