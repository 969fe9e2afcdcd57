from zipfile import ZipFile

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, json_list, pieces, records, require, rows, short_id, texts


def test_the_first_name_that_is_there_is_read_and_all_are_named_where_none_is(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_text("[]")
    assert require(tmp_path, "a.json", "data/a.json") == tmp_path / "data" / "a.json"
    with pytest.raises(InputError, match=r"b\.json or data/b\.json is missing: get"):
        require(tmp_path, "b.json", "data/b.json")


@pytest.mark.parametrize("text", ['[{"n": 1}, {"n": 2}]', '{"n": 1}\n\n{"n": 2}\n'])
def test_records_are_a_list_or_lines(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert [record["n"] for _, record in records(path)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[", "not JSON"), ("{}", "a JSON list is wanted, not dict"), ("[{}, 1]", "sample 2: a JSON object is wanted")],
)
def test_what_is_no_list_of_objects_is_refused(tmp_path, text, reason):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        json_list(path)


def test_rows_come_from_the_folder_before_the_archive(tmp_path):
    with ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("data/a.jsonl", '{"n": 1}\n{"n": 2}\n')
    zipped = list(rows(tmp_path, "a.jsonl", archive="data.zip"))
    assert [row["n"] for _, row in zipped] == [1, 2]
    assert zipped[1][0].endswith("data.zip/data/a.jsonl, line 2")
    (tmp_path / "a.jsonl").write_text('{"n": 3}')
    assert [row["n"] for _, row in rows(tmp_path, "a.jsonl", archive="data.zip")] == [3]
    with pytest.raises(InputError, match=r"cannot read data/b\.jsonl"):
        list(rows(tmp_path, "b.jsonl", archive="data.zip"))


def test_values_fill_a_prompt_once_whatever_they_hold():
    assert pieces("Q {q}: {text} A {q}", {"{q}": "{text}"}, context="{text}") == ("Q {text}: ", " A {text}")


def test_a_missing_field_is_named_with_those_there_are():
    assert field({"a": 1}, "a", "here") == 1
    with pytest.raises(InputError, match="here: no field 'b', only 'a'"):
        field({"a": 1}, "b", "here")


def test_ids_are_those_of_the_parts_and_no_others():
    assert short_id("a", 1) == short_id("a", "1") != short_id("a1")
    assert len(short_id("a")) == 16


def test_references_are_texts_one_or_several():
    assert texts([1, "a"]) == ("1", "a")
    assert texts(2.5) == ("2.5",)
