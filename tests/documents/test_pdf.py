from collections.abc import Callable

import pytest

from longspan.core.progress import silent
from longspan.documents.content import Content, Limits, Unreadable
from longspan.documents.pdf import read


def content(data: bytes, limits: Limits | None = None) -> Content:
    return read(data, limits=limits or Limits(), progress=silent)


def test_each_page_lies_where_its_offsets_say(make_pdf: Callable[..., bytes]) -> None:
    found = content(make_pdf([["Call me Ishmael.", "Some years ago."], ["The whale."], ["The end."]]))
    assert [found.text[page.start : page.end] for page in found.pages] == [
        "Call me Ishmael.\nSome years ago.",
        "The whale.",
        "The end.",
    ]
    assert [page.number for page in found.pages] == [1, 2, 3]
    assert found.notes == ()


def test_a_word_broken_over_two_lines_stays_as_printed(make_pdf: Callable[..., bytes]) -> None:
    found = content(make_pdf([["This is an exam-", "ple of a well-known", "break."]]))
    assert found.text == "This is an exam-\nple of a well-known\nbreak."


def test_a_scan_without_text_says_to_recognise_it_first(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(Unreadable, match=r"has no text on any of its 2 pages \(scanned\?\).*ocrmypdf"):
        content(make_pdf([None, None]))


def test_scanned_pages_among_others_are_noted_and_blank_ones_are_not(make_pdf: Callable[..., bytes]) -> None:
    found = content(make_pdf([["One."], [], None, ["Four."], None, None]))
    assert found.notes == ("pages 3, 5-6 have no text (scanned?)",)
    assert found.text == "One.\n\nFour."
    assert [page.number for page in found.pages if page.end > page.start] == [1, 4]


def test_a_password_is_asked_for_by_name(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(Unreadable, match=r"needs a password: .*qpdf --decrypt"):
        content(make_pdf([["Secret."]], password="word"))


def test_a_broken_file_is_refused(make_pdf: Callable[..., bytes]) -> None:
    for data in (b"%PDF-1.7\nnothing more", make_pdf([["One."]])[:200]):
        with pytest.raises(Unreadable, match="is broken or is not a PDF"):
            content(data)


def test_more_text_than_the_limit_is_refused(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(Unreadable, match="holds more than 20 characters"):
        content(make_pdf([["Call me Ishmael."], ["Some years ago."]]), Limits(max_decompressed=20))


def test_progress_counts_pages(make_pdf: Callable[..., bytes]) -> None:
    seen: list[tuple[str, int, int, str]] = []
    read(make_pdf([["a"], ["b"]]), limits=Limits(), progress=lambda *step: seen.append(step))
    assert seen == [("parse pdf", 1, 2, "pages"), ("parse pdf", 2, 2, "pages")]
