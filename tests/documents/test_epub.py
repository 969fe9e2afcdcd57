from collections.abc import Callable

import pytest

from longspan.core.progress import silent
from longspan.documents.content import Content, Limits, Unreadable
from longspan.documents.epub import read

Epub = Callable[..., bytes]


def content(data: bytes, limits: Limits | None = None) -> Content:
    return read(data, limits=limits or Limits(), progress=silent)


def test_chapters_are_pages_in_the_order_of_the_spine(make_epub: Epub) -> None:
    found = content(make_epub({"z.xhtml": "<h1>Loomings</h1><p>Call me Ishmael.</p>", "a b.xhtml": "<p>The Bag.</p>"}))
    assert found.text == "Loomings\n\nCall me Ishmael.\n\nThe Bag."
    assert [found.text[page.start : page.end] for page in found.pages] == ["Loomings\n\nCall me Ishmael.", "The Bag."]


def test_a_chapter_outside_the_archive_is_noted_and_never_opened(make_epub: Epub) -> None:
    found = content(make_epub({"one.xhtml": "<p>Here.</p>", "../../../../etc/hostname": ""}))
    assert found.text == "Here."
    assert found.notes == ("chapter 2 (../../../etc/hostname) is not in the file",)


def test_copy_protection_is_named(make_epub: Epub) -> None:
    locked = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        '<e:EncryptedData><e:CipherData><e:CipherReference URI="{}"/></e:CipherData></e:EncryptedData></encryption>'
    )
    chapters = {"one.xhtml": "<p>Here.</p>"}
    with pytest.raises(Unreadable, match="copy-protected"):
        content(make_epub(chapters, **{"META-INF/encryption.xml": locked.format("OEBPS/one.xhtml")}))
    font_only = make_epub(chapters, **{"META-INF/encryption.xml": locked.format("OEBPS/font.otf")})
    assert content(font_only).text == "Here."


def test_a_zip_bomb_is_refused_before_it_is_unpacked(make_epub: Epub) -> None:
    bomb = make_epub({"one.xhtml": "x" * 3_000_000})
    assert len(bomb) < 10_000
    with pytest.raises(Unreadable, match="unpacks to more than 1,000,000 bytes"):
        content(bomb, Limits(max_decompressed=1_000_000))


def test_a_chapter_listed_again_and_again_is_read_once(make_epub: Epub) -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="c0" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        "<spine>" + '<itemref idref="c0"/>' * 1000 + "</spine></package>"
    )
    assert len(content(make_epub({"one.xhtml": "<p>Here.</p>"}, **{"OEBPS/book.opf": package})).pages) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused_in_any_encoding(make_epub: Epub, encoding: str) -> None:
    hostile = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]><p>&x;</p>'
    )
    with pytest.raises(Unreadable, match="declares XML entities"):
        content(make_epub({"one.xhtml": ""}, **{"OEBPS/book.opf": hostile.encode(encoding)}))


def test_broken_books_are_refused(make_epub: Epub, make_zip: Callable[..., bytes]) -> None:
    book = make_epub({"one.xhtml": "<p>" + "words and more words " * 50})
    damaged = bytearray(book)
    damaged[book.index(b"one.xhtml") + 40] ^= 0xFF
    unbound = make_epub({"one.xhtml": ""}, **{"OEBPS/book.opf": "<opf:package/>"})
    without_package = make_zip({"META-INF/container.xml": "<container/>"})
    for data in (book[: len(book) // 2], bytes(damaged), unbound, without_package, make_zip({"a": "b"})):
        with pytest.raises(Unreadable, match="is broken"):
            content(data)


def test_a_picture_book_says_what_to_do(make_epub: Epub) -> None:
    with pytest.raises(Unreadable, match=r"has no text in any chapter.*ocrmypdf"):
        content(make_epub({"one.xhtml": "<img src='a.png'/>"}))
