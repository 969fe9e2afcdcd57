"""PDF: the text of each page in the order the file gives it, through pdfium."""

import threading
from collections.abc import Iterator
from typing import Any

from longspan.core.progress import Progress
from longspan.documents.content import Content, Limits, Unreadable, number_ranges, paginate
from longspan.documents.text import newlines

_PDFIUM = threading.Lock()  # pdfium may be called from one thread at a time
_LINE_END_HYPHEN = "\ufffe"  # pdfium joins a word broken over two lines with this mark
_OCR = "add a text layer first, for example: ocrmypdf scan.pdf readable.pdf"


def read(data: bytes, *, limits: Limits, progress: Progress) -> Content:
    """Read a PDF. Words broken over two lines stay broken, so that quotes are what stands on the page.

    Raises Unreadable when it needs a password, is broken, or holds no text on any page.
    """
    with _PDFIUM:
        document = _open(data)
        try:
            texts, unread = _pages(document, limits=limits, progress=progress)
        finally:
            document.close()
    text, pages = paginate(texts)
    if not text:
        raise Unreadable(f"has no text on any of its {len(texts)} pages (scanned?): {_OCR}")
    if not unread:
        return Content(text, pages)
    plural = "pages" if len(unread) > 1 else "page"
    note = f"{plural} {number_ranges(unread)} {'have' if len(unread) > 1 else 'has'} no text (scanned?)"
    return Content(text, pages, (note,))


def _open(data: bytes) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            message = (
                "needs a password: make a copy without, for example: qpdf --decrypt --password=WORD in.pdf out.pdf"
            )
        elif error.err_code == pypdfium2.raw.FPDF_ERR_SECURITY:
            message = "is encrypted in a way that is not supported: save a copy without protection"
        else:
            message = "is broken or is not a PDF: open it in a viewer and save it anew, or fetch it again"
        raise Unreadable(message) from error


def _pages(document: Any, *, limits: Limits, progress: Progress) -> tuple[list[str], list[int]]:
    """Text of every page, and the numbers of those that show something but hold no text."""
    texts: list[str] = []
    unread: list[int] = []
    size = 0
    for text, blank in _each_page(document):
        texts.append(text)
        size += len(text)
        if size > limits.max_decompressed:
            raise Unreadable(f"holds more than {limits.max_decompressed:,} characters: split it")
        if not text and not blank:
            unread.append(len(texts))
        progress("parse pdf", len(texts), len(document), "pages")
    return texts, unread


def _each_page(document: Any) -> Iterator[tuple[str, bool]]:
    """Text of each page, and whether there is nothing on it at all."""
    import pypdfium2

    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            yield "", False
            continue
        textpage = page.get_textpage()
        text = newlines(textpage.get_text_range()).replace(_LINE_END_HYPHEN, "-\n")
        blank = pypdfium2.raw.FPDFPage_CountObjects(page) == 0
        textpage.close()
        page.close()
        yield text if text.strip() else "", blank
