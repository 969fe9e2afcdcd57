"""Zip archives that were damaged in every way."""

import io
import random
import zipfile

import pytest

from longspan.documents.archive import DAMAGED, Archive
from longspan.documents.content import Limits, Unreadable

WAYS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}


def packed(way: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", way) as archive:
        archive.writestr("a.xml", "<a>hello</a>" * 40)
        archive.writestr("b/ä.txt", "world " * 40)
    return target.getvalue()


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """A few bytes are others, gone, or too many."""
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(data))
        kind = draw.choice("oooogm")
        if kind == "o":
            data[at] = draw.choice((draw.randrange(256), 0, 255))
        elif kind == "g":
            del data[at : at + draw.randrange(1, 40)]
        else:
            data[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(data)


def test_whatever_is_damaged_is_unreadable_and_each_error_that_is_caught_is_raised() -> None:
    draw, raised = random.Random(0), set()
    for number in range(6000):
        data = damaged(packed(list(WAYS.values())[number % 3]), draw)
        try:
            archive = Archive(data, Limits())
            for name in archive.names:
                archive.read(name)
        except Unreadable as error:
            raised |= {kind for kind in DAMAGED if isinstance(error.__cause__, kind)}
    assert raised == {*DAMAGED}


@pytest.mark.parametrize("way", ["stored", "deflated"])
def test_entries_are_read_as_they_were_written(way: str) -> None:
    archive = Archive(packed(WAYS[way]), Limits())
    assert archive.read("b/ä.txt") == b"world " * 40


def test_a_compression_that_documents_never_have_is_refused() -> None:
    with pytest.raises(Unreadable, match="is broken"):
        Archive(packed(zipfile.ZIP_BZIP2), Limits()).read("a.xml")
