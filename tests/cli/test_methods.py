"""`longspan methods` tells what exists, in words and in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner

from longspan.cli import methods
from longspan.core.discover import Entry, Field
from longspan.core.errors import InputError

YARN = Entry(
    name="yarn",
    seam="rope",
    folder="rope",
    module="longspan.rope.yarn",
    class_name="Yarn",
    title="YaRN",
    summary="stretch slow waves.",
    paper="https://arxiv.org/abs/2309.00071",
    also=("NTK-by-parts https://example.org/ntk",),
    deviations="none worth a word.",
    fields=(
        Field("factor", "float", None, "Times the trained window (s)."),
        Field("ramp", "tuple[int, int]", "(1, 32)", "Rotations where stretching ends and begins."),
        Field("attention", "bool", "True", "Whether [logits] are scaled."),
    ),
)
FULL = replace(
    YARN, name="full", seam="kv", class_name="Full", title="Full", summary="all.", fields=(), also=(), paper=""
)
EVICTION = replace(
    FULL,
    name="eviction",
    class_name="Eviction",
    fields=(
        Field("score", "Score", None, "S."),
        Field("budget", "int", "1024", "B."),
        Field("split", "Split", "Uniform()", "D."),
    ),
)
SNAPKV = replace(YARN, name="snapkv", seam="score", title="SnapKV", fields=(Field("window", "int", "32", "W."),))
UNIFORM = replace(FULL, name="uniform", seam="split", class_name="Uniform", title="Uniform")
ALL = (YARN, FULL, EVICTION, SNAPKV, UNIFORM)


@pytest.fixture(autouse=True)
def library(monkeypatch):
    monkeypatch.setattr(methods, "entries", lambda: ALL)


def call(*words: str) -> str:
    result = CliRunner().invoke(methods.command, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_table_lists_every_method_under_its_seam():
    text = call()
    assert "rope: frequencies" in text
    for entry in ALL:
        assert f"\n{entry.name} " in text
        assert entry.summary in text


def test_one_seam_alone():
    text = call("--seam", "rope")
    assert "yarn" in text
    assert "snapkv" not in text


def test_one_method_shows_all_that_its_file_says():
    text = call("YaRN")
    for part in (YARN.paper, YARN.also[0], YARN.deviations, "Seam: rope", "longspan.rope.yarn.Yarn"):
        assert part in text
    for field in YARN.fields:
        assert field.name in text
        assert field.meaning in text
    assert "(must be given)" in text
    assert '--method "rope=yarn:factor=<float>,ramp=1|32,attention=true"' in text


def test_a_part_says_what_its_host_takes():
    assert "Takes the settings of eviction too: budget, split" in call("snapkv")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (FULL, "kv=full"),
        (SNAPKV, "kv=snapkv:window=32"),
        (UNIFORM, "kv=snapkv:split=uniform"),
        (EVICTION, "kv=eviction:score=snapkv,budget=1024,split=uniform"),
    ],
)
def test_the_usage_is_a_method_string(entry, text):
    assert methods.usage(entry) == text


def test_json_is_the_entries_and_nothing_else():
    assert json.loads(call("--json")) == json.loads(json.dumps([asdict(entry) for entry in ALL]))
    assert [entry["name"] for entry in json.loads(call("snapkv", "--json"))] == ["snapkv"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["snapvk"], "did you mean 'snapkv'"),
        (["--seam", "rop"], "did you mean 'rope'"),
        (["yarn", "--seam", "kv"], "eviction, full"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(words, answer):
    with pytest.raises(InputError, match=answer):
        call(*words)
