import hashlib

import pytest

from longspan.core.errors import InputError
from longspan.evals import data as official_files
from longspan.evals.catalog import published
from longspan.evals.data import digests, json_lines, locate, official


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A benchmark of one file whose digest is known."""
    known = {"bench/rows.jsonl": sha256('{"a": 1}\n'), "bench/part/rows.json": sha256("[]")}
    monkeypatch.setattr(official_files, "digests", lambda: known)
    (tmp_path / "bench" / "part").mkdir(parents=True)
    (tmp_path / "bench" / "rows.jsonl").write_text('{"a": 1}\n')
    return tmp_path / "bench"


def test_a_whole_file_is_given(folder):
    assert list(json_lines(official(folder, "rows.jsonl"))) == [(1, {"a": 1})]


def test_an_altered_file_is_refused_naming_both_digests(folder):
    (folder / "rows.jsonl").write_text('{"a": 2}\n')
    with pytest.raises(InputError) as error:
        official(folder, "rows.jsonl")
    assert sha256('{"a": 2}\n') in str(error.value)
    assert sha256('{"a": 1}\n') in str(error.value)
    assert str(folder / "rows.jsonl") in str(error.value)


def test_an_altered_file_in_a_folder_below_is_refused(folder):
    (folder / "part" / "rows.json").write_text("[1]")
    with pytest.raises(InputError, match=sha256("[1]")):
        official(folder, "part/rows.json")


def test_a_missing_file_is_named(folder):
    with pytest.raises(InputError, match=r"part/rows.json is missing: get the official files"):
        official(folder, "part/rows.json")


def test_a_file_that_nobody_knows_the_digest_of_is_given(folder):
    (folder / "more.jsonl").write_text("{}")
    assert official(folder, "more.jsonl").read_text() == "{}"


@pytest.mark.parametrize(
    ("text", "message"), [('{"a": 1}\n\n{"a"', "line 3: not JSON"), ("[1]", "line 1: a JSON object")]
)
def test_a_line_that_is_no_object_is_named(tmp_path, text, message):
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        list(json_lines(tmp_path / "rows.jsonl"))


def test_a_folder_is_found_by_its_name_or_taken_as_it_is(folder, monkeypatch):
    assert locate("bench", folder.parent) == locate("bench", folder) == folder
    monkeypatch.setenv("LONGSPAN_DATA", str(folder.parent))
    assert locate("bench") == folder
    with pytest.raises(InputError, match=r"no files of other in a known place: .*LONGSPAN_DATA"):
        locate("other")


def test_known_digests_are_of_benchmarks_and_in_one_form():
    assert len(digests()) > 30
    for name, digest in digests().items():
        assert len(digest) == 64
        assert int(digest, 16) >= 0
        assert "/" in name


@pytest.mark.parametrize("name", ["longwriter/longwrite_ruler", "longchat/lines_200", "longicl/fewnerd_1"])
def test_a_task_refuses_an_altered_file_and_a_missing_one(name, tmp_path):
    task = published()[name]
    folder = tmp_path / task.folder
    folder.mkdir()
    with pytest.raises(InputError, match="is missing"):
        list(task.load(folder))
    for known in digests():
        if known.startswith(f"{task.folder}/"):
            (tmp_path / known).write_text("changed")
    with pytest.raises(InputError, match=rf"its sha256 is {sha256('changed')}, not [0-9a-f]+\. Get it anew"):
        list(task.load(folder))
