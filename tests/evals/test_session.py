"""A run's folder: started once, resumed when told to, and made again to the byte."""

import json
from dataclasses import replace

import pytest
from tests.evals.asked import TASK, manifest, solver, subject

from longspan.core.errors import InputError
from longspan.evals.manifest import Manifest
from longspan.evals.run import Brake, Source
from longspan.evals.session import Session


def made(folder, wanted, reply=None, *, resume=False):
    session = Session(folder, wanted, Source(wanted))
    session.start(resume=resume)
    session.ask([subject(reply or solver(TASK))], brake=Brake())
    return session.finish()


def test_the_same_manifest_gives_the_same_bytes(tmp_path):
    _, first = made(tmp_path / "one", manifest())
    recorded, outcome = Manifest.read(tmp_path / "one" / "manifest.json")
    _, second = made(tmp_path / "two", recorded)
    assert first == second == outcome != ""
    files = [tmp_path / name / "predictions.jsonl" for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_reply_or_seed_gives_another_outcome(tmp_path):
    _, first = made(tmp_path / "one", manifest())
    _, other = made(tmp_path / "two", manifest(), lambda messages: "none")
    _, seeded = made(tmp_path / "three", manifest(seed=1))
    assert len({first, other, seeded}) == 3


def test_rows_are_written_as_lines_and_as_a_table(tmp_path):
    from pyarrow import parquet

    rows, _ = made(tmp_path / "run", manifest())
    lines = [json.loads(line) for line in (tmp_path / "run" / "rows.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "run" / "rows.parquet").to_pylist()
    assert lines == table
    assert [line["sample"] for line in lines] == [row.sample for row in rows]


def test_an_unfinished_run_records_no_outcome(tmp_path):
    wanted = manifest()
    session = Session(tmp_path / "run", wanted, Source(wanted))
    session.start(resume=False)
    _, outcome = session.finish()
    assert outcome == ""
    assert not (tmp_path / "run" / "predictions.jsonl").exists()


def test_a_folder_with_finished_samples_wants_resume(tmp_path):
    made(tmp_path / "run", manifest())
    with pytest.raises(InputError, match=r"6 finished samples of this run: add --resume"):
        made(tmp_path / "run", manifest())
    made(tmp_path / "run", manifest(), resume=True)


def test_a_run_may_be_resumed_with_more_samples_but_not_with_fewer(tmp_path):
    made(tmp_path / "run", manifest())
    rows, outcome = made(tmp_path / "run", manifest(samples=5), resume=True)
    _, fresh = made(tmp_path / "fresh", manifest(samples=5))
    assert len(rows) == 10
    assert outcome == fresh
    with pytest.raises(InputError, match="a run of other settings"):
        made(tmp_path / "run", manifest(samples=2), resume=True)


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    made(tmp_path / "run", manifest())
    with pytest.raises(InputError, match="a run of other settings"):
        made(tmp_path / "run", manifest(seed=1), resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch")
    with pytest.raises(InputError, match="holds other files"):
        made(tmp_path / "mine", manifest())


def test_versions_and_device_do_not_make_another_run():
    assert manifest().same_work(replace(manifest(), versions={"torch": "9"}, device="cuda"))
    assert not manifest().same_work(manifest(cut="left"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 3', '{"tasks": 5, "nonsense": 1}'])
def test_what_is_no_manifest_is_named(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(InputError, match=r"m\.json is not a manifest"):
        Manifest.read(tmp_path / "m.json")
