from collections.abc import Callable

import pytest

from longspan.core.progress import silent
from longspan.documents.content import Limits, Unreadable
from longspan.documents.docx import read

Docx = Callable[..., bytes]
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def text_of(data: bytes, limits: Limits | None = None) -> str:
    return read(data, limits=limits or Limits(), progress=silent).text


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_paragraphs_and_tables_are_read_in_order(make_docx: Docx) -> None:
    cells = "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in ("port", "barrels"))
    body = paragraph("Call me Ishmael.") + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>" + paragraph("The end &amp; all.")
    assert text_of(make_docx(body)).split() == ["Call", "me", "Ishmael.", "port", "barrels", "The", "end", "&", "all."]


def test_a_word_split_into_runs_stays_one_word(make_docx: Docx) -> None:
    body = "<w:p><w:r><w:t>fisher</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>man</w:t></w:r></w:p>"
    assert text_of(make_docx(body)) == "fisherman"


def test_footnotes_are_read(make_docx: Docx) -> None:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = '<w:p><w:r><w:t>Whale</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    notes = f'<w:footnotes xmlns:w="{word}"><w:footnote w:id="2">{paragraph("A mammal.")}</w:footnote></w:footnotes>'
    assert "A mammal." in text_of(make_docx(body, **{"word/footnotes.xml": notes}))


def test_entities_are_refused(make_docx: Docx) -> None:
    hostile = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>'
    with pytest.raises(Unreadable, match="declares XML entities"):
        text_of(make_docx("", **{"word/document.xml": hostile}))


def test_an_entry_that_poses_as_the_main_text_is_not_parsed(make_docx: Docx) -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relations = (
        f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r" Type="{kind}" Target="word/a.png"/></Relationships>'
    )
    hostile = '<!DOCTYPE d [<!ENTITY a "aaaa">]><d>&a;</d>'
    assert text_of(make_docx(paragraph("Real."), **{"_rels/.rels": relations, "word/a.png": hostile})) == "Real."


def test_a_zip_bomb_is_refused(make_docx: Docx) -> None:
    with pytest.raises(Unreadable, match="unpacks to more than 1,000,000 bytes"):
        text_of(make_docx(paragraph("x" * 3_000_000)), Limits(max_decompressed=1_000_000))


def test_broken_files_are_refused(make_docx: Docx, make_zip: Callable[..., bytes]) -> None:
    whole = make_docx(paragraph("Call me Ishmael."))
    unclosed = make_docx("<w:p>", **{"word/document.xml": "<w:document"})
    for data in (whole[:100], unclosed, make_zip({"a.txt": "b"})):
        with pytest.raises(Unreadable, match="is broken"):
            text_of(data)


def test_absurdly_deep_nesting_is_refused(make_docx: Docx) -> None:
    depth = 3_000
    body = "<w:tbl><w:tr><w:tc>" * depth + paragraph("deep") + "</w:tc></w:tr></w:tbl>" * depth
    with pytest.raises(Unreadable):
        text_of(make_docx(body))
