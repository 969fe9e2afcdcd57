import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from longspan.archive import Archive, digest_of
from longspan.core.errors import InputError
from longspan.core.home import home

KEY = digest_of("a test entry")


def write_numbers(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "numbers.txt").write_text("1 2 3")


def test_what_was_put_is_found_again_and_nothing_else(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.get("index", KEY) is None
    put = archive.put("index", KEY, write_numbers)
    assert Archive(tmp_path).get("index", KEY) == put
    assert (put / "deep" / "numbers.txt").read_text() == "1 2 3"
    assert archive.get("index", digest_of("another")) is None
    assert archive.get("calibration", KEY) is None


def test_a_crash_or_ctrl_c_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        write_numbers(folder)
        raise KeyboardInterrupt

    archive = Archive(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        archive.put("index", KEY, interrupted)
    assert archive.get("index", KEY) is None
    assert list((tmp_path / "partial").iterdir()) == []


def test_leftovers_are_removed_when_older_than_a_day_and_kept_when_young(tmp_path: Path) -> None:
    old, young = tmp_path / "partial" / "old", tmp_path / "partial" / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "half").write_text("x")
    yesterday = time.time() - 25 * 3600
    for path in (old / "half", old, young):
        os.utime(path, (yesterday, yesterday))
    Archive(tmp_path).put("index", KEY, write_numbers)
    assert not old.exists()
    assert young.exists()


def killed(root: str, written: Any) -> None:
    def write(folder: Path) -> None:
        write_numbers(folder)
        written.set()
        time.sleep(60)

    Archive(Path(root)).put("index", KEY, write)


def test_what_a_killed_process_left_is_removed_at_once_and_a_living_ones_is_not(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    written = context.Event()
    worker = context.Process(target=killed, args=(str(tmp_path), written))
    worker.start()
    assert written.wait(60)
    Archive(tmp_path).put("index", digest_of("while it lives"), write_numbers)
    assert len(list((tmp_path / "partial").iterdir())) == 2
    worker.kill()
    worker.join()
    Archive(tmp_path).put("index", digest_of("afterwards"), write_numbers)
    assert list((tmp_path / "partial").iterdir()) == []


def test_entries_are_listed_and_removed(tmp_path: Path) -> None:
    archive, keys = Archive(tmp_path), sorted(digest_of(str(number)) for number in range(3))
    assert archive.keys("index") == []
    for key in keys:
        archive.put("index", key, write_numbers)
    assert archive.keys("index") == keys
    assert archive.keys("cache") == []
    archive.remove("index", keys[1])
    archive.remove("index", keys[1])
    assert archive.keys("index") == [keys[0], keys[2]]
    assert archive.find("index", keys[1]) is None
    assert (archive.find("index", keys[0]) or tmp_path).name == keys[0]
    assert list((tmp_path / "partial").iterdir()) == []


@pytest.mark.parametrize("damage", ["change", "cut", "remove", "seal"])
def test_a_damaged_entry_is_gone_and_can_be_put_again(tmp_path: Path, damage: str) -> None:
    archive = Archive(tmp_path)
    entry = archive.put("index", KEY, write_numbers)
    file = entry / "deep" / "numbers.txt"
    match damage:
        case "change":
            file.write_text("1 2 4")
        case "cut":
            file.write_text("")
        case "remove":
            file.unlink()
        case "seal":
            (entry / "entry.json").write_text("[]")
    assert archive.get("index", KEY) is None
    assert not entry.exists()
    assert archive.put("index", KEY, write_numbers) == archive.get("index", KEY)


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    archive = Archive(tmp_path)

    def slow(folder: Path) -> None:
        archive.put("index", KEY, lambda inner: (inner / "who").write_text("first") and None)
        (folder / "who").write_text("second")

    entry = archive.put("index", KEY, slow)
    assert (entry / "who").read_text() == "first"
    assert archive.get("index", KEY) == entry


def put_many(root: str) -> None:
    archive = Archive(Path(root))
    for number in range(20):
        archive.put("index", digest_of(str(number)), write_numbers)
        run = archive.start("ask", {"number": number})
        archive.finish(run, {})


def test_processes_share_one_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=put_many, args=(str(tmp_path),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    archive = Archive(tmp_path)
    assert all(archive.get("index", digest_of(str(number))) for number in range(20))
    runs = archive.runs(100)
    assert len({run.id for run in runs}) == 60
    assert {run.status for run in runs} == {"done"}


@pytest.mark.parametrize("key", ["", "../../etc", "AB" * 32, KEY + "0", KEY + "\n"])
def test_a_key_that_is_no_digest_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="hex sha256"):
        Archive(tmp_path).put("index", key, write_numbers)


@pytest.mark.parametrize("kind", ["", "..", "a/b", "partial", "Index"])
def test_a_kind_that_is_no_word_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match="lower-case word"):
        Archive(tmp_path).get(kind, KEY)


def test_a_root_that_is_a_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="LONGSPAN_HOME"):
        Archive(tmp_path / "file").put("index", KEY, write_numbers)


def test_the_digest_separates_its_parts() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
    assert digest_of("é") == digest_of("é".encode())
    assert len(digest_of()) == 64


def test_home_is_what_the_environment_names_else_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert Archive().root == tmp_path / "here"
    monkeypatch.setenv("LONGSPAN_HOME", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home().name == "longspan"
