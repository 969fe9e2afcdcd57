"""Methods are found in their files, and every method of the library has its record."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing
from importlib import import_module

import pytest

from longspan.core.discover import ROOT, SEAMS, entries


@pytest.fixture
def package(tmp_path):
    def write(files: dict[str, str]):
        for name, source in files.items():
            path = tmp_path / "tree" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("from dataclasses import dataclass, field\n" + source)
        return tmp_path / "tree"

    return write


YARN = '''
@dataclass(frozen=True, slots=True)
class Yarn:
    """YaRN: stretch slow waves, keep fast ones.
    https://arxiv.org/abs/2309.00071
    Differs from the paper: factors follow the
    request's length.
    also: NTK-by-parts https://example.org/ntk

    Prose that is no record: of anything.
    """

    fixed = True
    factor: float
    """Times the trained window (s)."""
    ramp: tuple[int, int] = (1, 32)
    """Rotations where stretching ends
    and begins."""
    inner: list[int] = field(default_factory=lambda: [1])
'''


def test_a_record_is_read_with_its_papers_deviations_and_fields(package):
    (entry,) = entries(package({"rope/yarn": YARN}))
    assert (entry.seam, entry.name, entry.module, entry.class_name) == ("rope", "yarn", "tree.rope.yarn", "Yarn")
    assert (entry.title, entry.summary) == ("YaRN", "stretch slow waves, keep fast ones.")
    assert entry.paper == "https://arxiv.org/abs/2309.00071"
    assert entry.also == ("NTK-by-parts https://example.org/ntk",)
    assert entry.deviations == "factors follow the request's length."
    assert [(f.name, f.annotation, f.default) for f in entry.fields] == [
        ("factor", "float", None),
        ("ramp", "tuple[int, int]", "(1, 32)"),
        ("inner", "list[int]", "[1]"),
    ]
    assert [f.meaning for f in entry.fields[:2]] == [
        "Times the trained window (s).",
        "Rotations where stretching ends and begins.",
    ]


def test_folders_decide_the_seam_and_shared_modules_are_no_methods(package):
    method = '@dataclass(frozen=True)\nclass M:\n    """M: a method."""\n    def open(self, layer): ...\n'
    methods = ["kv/full", "kv/quant/kivi", "kv/evict/h2o", "kv/split/even"]
    elsewhere = ["kv/_private", "kv/evict/__init__", "models/other"]
    root = package(
        {
            **dict.fromkeys([*methods, *elsewhere], method),
            "kv/budget": '@dataclass(frozen=True)\nclass B:\n    """Budget: a value that opens nothing."""\n',
            "kv/buffer": 'class Buffer:\n    """Buffer: no dataclass."""\n    def open(self): ...\n',
            "pattern/note": '@dataclass(frozen=True)\nclass Note:\n    """A value without a record."""\n',
        }
    )
    assert [(e.seam, e.name) for e in entries(root)] == [
        ("kv", "full"), ("kv", "kivi"), ("score", "h2o"), ("split", "even"),
    ]  # fmt: skip


def test_one_name_twice_in_a_seam_is_an_error(package):
    method = '@dataclass\nclass M:\n    """M: a method."""\n    def open(self, layer): ...\n'
    with pytest.raises(ValueError, match=r"two kv methods are called kivi \(in kv/merge and kv/quant\)"):
        entries(package({"kv/quant/kivi": method, "kv/merge/kivi": method}))


def test_two_methods_in_a_file_are_an_error(package):
    method = '@dataclass\nclass {0}:\n    """{0}: a method."""\n'
    with pytest.raises(ValueError, match=r"2 methods \(A, B\)"):
        entries(package({"rope/pair": method.format("A") + method.format("B")}))


def test_discovery_imports_no_heavy_library():
    code = (
        "import sys; from longspan.core.discover import entries; entries();"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, check=True).stdout == b"[]\n"
    )


def test_every_seam_has_its_own_key():
    assert len({row.key for row in SEAMS}) == len(SEAMS)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: f"{entry.seam}-{entry.name}")
class TestEveryMethod:
    def test_is_a_frozen_dataclass_whose_annotations_resolve(self, entry):
        method = getattr(import_module(entry.module), entry.class_name)
        assert method.__dataclass_params__.frozen
        assert [f.name for f in dataclasses.fields(method)] == [f.name for f in entry.fields]
        assert set(typing.get_type_hints(method)) >= {f.name for f in entry.fields}

    def test_says_in_one_sentence_what_it_is(self, entry):
        assert entry.title
        assert entry.summary.endswith(".")
        assert not entry.paper or entry.paper.startswith("https://")

    def test_says_what_every_field_means(self, entry):
        assert [f.name for f in entry.fields if not f.meaning] == []
