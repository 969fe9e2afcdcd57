import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import pytest

import longspan
from longspan.archive import Archive
from longspan.core.errors import InputError
from longspan.retrieval import Index
from longspan.retrieval.dense import BLOCK
from longspan.retrieval.hybrid import fuse

QUESTION = "What does the nonlocal statement do?"


@pytest.fixture
def sources(text: Any) -> list[Any]:
    return [text(topics[name]) for name in ("nonlocal", "global", "try", "with")]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_fusion_gives_the_worked_example() -> None:
    # Item 7: ranks 1 and 3; item 5: ranks 2 and 1; item 9: rank 2 in the second list alone.
    assert fuse([7, 5], [5, 9, 7]) == [
        (5, 1 / 62 + 1 / 61),
        (7, 1 / 61 + 1 / 63),
        (9, 1 / 62),
    ]
    assert fuse([3], [1]) == [(1, 1 / 61), (3, 1 / 61)]
    assert fuse([], []) == []


def test_hits_say_both_ranks_and_come_best_first(sources: list[Any], archive: Archive, encoder: Any) -> None:
    index = Index.build(sources, encoder, archive=archive)
    hits = index.search(QUESTION, 5)
    assert len(hits) == 5
    assert hits[0].passage.source == 0
    assert "nonlocal" in hits[0].passage.of(sources[0].text)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        ranks = [rank for rank in (hit.bm25_rank, hit.dense_rank) if rank]
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))


def test_without_an_encoder_only_words_are_searched(sources: list[Any], archive: Archive) -> None:
    hits = Index.build(sources, None, archive=archive).search(QUESTION, 3)
    assert [hit.bm25_rank for hit in hits] == [1, 2, 3]
    assert {hit.dense_rank for hit in hits} == {None}
    assert "nonlocal" in hits[0].passage.of(sources[hits[0].passage.source].text)


def test_a_second_build_encodes_nothing_and_finds_the_same(sources: list[Any], archive: Archive, encoder: Any) -> None:
    first = Index.build(sources, encoder, archive=archive)
    encoded = len(encoder.encoded)
    second = Index.build(sources, encoder, archive=archive)
    assert len(encoder.encoded) == encoded == len(first.passages)
    assert second.search(QUESTION, 20) == first.search(QUESTION, 20)
    assert np.array_equal(first.vectors, second.vectors)


def test_a_changed_file_alone_is_encoded_again(sources: list[Any], archive: Archive, encoder: Any, text: Any) -> None:
    Index.build(sources, encoder, archive=archive)
    before = len(encoder.encoded)
    Index.build([*sources[:3], text("Something else.")], encoder, archive=archive)
    assert encoder.encoded[before:] == ["Something else."]


def test_other_settings_are_another_index(sources: list[Any], archive: Archive, encoder: Any) -> None:
    small = Index.build(sources, encoder, archive=archive, size=40)
    large = Index.build(sources, encoder, archive=archive, size=200)
    assert len(small.passages) > len(large.passages)
    encoder.digest = "other weights"
    before = len(encoder.encoded)
    Index.build(sources, encoder, archive=archive, size=200)
    assert len(encoder.encoded) - before == len(large.passages)


@pytest.mark.parametrize("victim", ["vectors.safetensors", "passages.safetensors", "bm25/vocab.index.json"])
def test_a_damaged_index_is_built_again(sources: list[Any], archive: Archive, encoder: Any, victim: str) -> None:
    hits = Index.build(sources, encoder, archive=archive).search(QUESTION, 9)
    (file,) = archive.root.glob(f"index/*/*/{victim}")
    file.write_bytes(file.read_bytes()[:-3] + b"???")
    assert Index.build(sources, encoder, archive=archive).search(QUESTION, 9) == hits
    assert file.read_bytes()[-3:] != b"???"


def test_ctrl_c_loses_at_most_a_block(archive: Archive, encoder: Any, text: Any) -> None:
    source = text("\n\n".join(f"Sentence number {number}." for number in range(3 * BLOCK)))
    encoder.stop_after = 2 * BLOCK
    with pytest.raises(KeyboardInterrupt):
        Index.build([source], encoder, archive=archive, size=3)
    assert len(encoder.encoded) == 2 * BLOCK
    encoder.stop_after = 10**9
    told: list[tuple[str, int, int, str]] = []
    Index.build([source], encoder, archive=archive, size=3, progress=lambda *step: told.append(step))
    assert len(encoder.encoded) == len(set(encoder.encoded)) == 3 * BLOCK
    encoding = [step for step in told if step[0] == "encode"]
    assert encoding[0] == ("encode", 2 * BLOCK + 1, 3 * BLOCK, "passages")
    assert encoding[-1] == ("encode", 3 * BLOCK, 3 * BLOCK, "passages")


def test_the_same_text_twice_is_encoded_once(archive: Archive, encoder: Any, text: Any) -> None:
    index = Index.build([text("Twice told."), text("Twice told.")], encoder, archive=archive)
    assert encoder.encoded == ["Twice told."]
    assert [passage.source for passage in index.passages] == [0, 1]


def test_many_small_files_are_encoded_together(archive: Archive, encoder: Any, text: Any) -> None:
    Index.build([text(f"File {number}.") for number in range(40)], encoder, archive=archive)
    assert encoder.calls == 1


def test_an_empty_question_or_nothing_to_search_is_refused(
    sources: list[Any], archive: Archive, encoder: Any, text: Any
) -> None:
    with pytest.raises(InputError, match="question is empty"):
        Index.build(sources, encoder, archive=archive).search(" \n", 5)
    with pytest.raises(InputError, match="nothing to search"):
        Index.build([text(" ")], encoder, archive=archive)


def test_code_is_found_by_its_identifier(archive: Archive, text: Any) -> None:
    code = text(inspect.getsource(textwrap), "code")
    hits = Index.build([code], None, archive=archive).search("Where is _handle_long_word?", 2)
    assert "def _handle_long_word" in hits[0].passage.of(code.text)


def test_importing_retrieval_is_cheap() -> None:
    heavy = "{'torch', 'transformers', 'bm25s', 'numpy', 'safetensors'}"
    code = f"import sys, longspan.retrieval, longspan.models.encoder; print({heavy} & set(sys.modules))"
    environment = {"PYTHONPATH": str(Path(longspan.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "set()"
