import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.documents.content import Unreadable
from longspan.documents.text import decode, newlines

# ruff: noqa: RUF001 - the Russian is real
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n"
FRENCH = "Longtemps, je me suis couché de bonne heure. Mes yeux se fermaient si vite, à peine la bougie éteinte.\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", [RUSSIAN, FRENCH, JAPANESE])
def test_unicode_encodings_are_read_exactly(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, ())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (FRENCH, "latin-1"),
        ("It\u2019s \u201cquoted\u201d \u2013 fine. The café is open.", "cp1252"),
        ("café", "latin-1"),
        (
            "Ile cię trzeba cenić, ten tylko się dowie, kto cię stracił. Dziś piękność twą w całej ozdobie.",
            "cp1250",
        ),
        (JAPANESE, "shift_jis"),
        (FRENCH, "utf-16-le"),
        (FRENCH, "utf-16-be"),
    ],
)
def test_unmarked_encodings_are_recognised(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, ())


def test_a_declared_encoding_is_used_only_when_it_is_true() -> None:
    assert decode(RUSSIAN.encode("koi8-r"), declared="koi8-r")[0] == RUSSIAN
    assert decode(RUSSIAN.encode("utf-8"), declared="ascii")[0] == RUSSIAN


def test_a_few_bad_bytes_do_not_turn_utf8_into_another_encoding() -> None:
    text, notes = decode((FRENCH * 20).encode() + b"\xff\xfe end")
    assert text == FRENCH * 20 + "\ufffd\ufffd end"
    assert notes == ("2 places are not valid UTF-8 and were read as \ufffd",)


@given(st.text(alphabet="a\r\n"))
def test_every_line_end_becomes_one_newline(text: str) -> None:
    assert newlines(text).splitlines() == text.splitlines()
    assert "\r" not in newlines(text)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        (b"\x7fELF\x02\x01\x01" + bytes(9), "a program"),
        (gzip.compress(b"some words " * 50, mtime=0), "a gzip archive"),
        (bytes(range(256)) * 4, "a binary file"),
        (b"\0\0\0\x20ftypmp42" + bytes(40), "a film or an image"),
    ],
)
def test_binary_files_are_refused_by_what_they_are(data: bytes, what: str) -> None:
    with pytest.raises(Unreadable, match=f"is {what}; what can be read: plain text, Markdown"):
        decode(data)
