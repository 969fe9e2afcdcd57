"""HTML: the main text of a page, or all of its visible text where the main text would lose too much."""

from longspan.core.progress import Progress
from longspan.documents.content import Content, Limits
from longspan.documents.markup import decode_markup, visible
from longspan.documents.text import newlines

_WHOLE_ABOVE = 200_000  # characters: of a page as long as a book, menus are a negligible part
_MENUS_AT_MOST = 10_000  # characters: more than this left out is not menus but content


def read(data: bytes, *, limits: Limits, progress: Progress) -> Content:
    """Read a page's main text, without menus and footers.

    All visible text is read instead when the main text is under a quarter of it, when more would be left out than menus
    can be, or when the page is as long as a book.
    """
    markup, notes = decode_markup(data)
    seen = visible(markup)
    if len(seen) > _WHOLE_ABOVE:
        return Content(seen, notes=notes)
    main = _main_text(markup)
    kept, whole = _ink(main), _ink(seen)
    if kept * 4 < whole or whole - kept > _MENUS_AT_MOST:
        return Content(seen, notes=notes)
    return Content(main, notes=notes)


def _main_text(markup: str) -> str:
    import trafilatura

    return newlines(trafilatura.extract(markup, favor_recall=True, include_comments=True) or "")


def _ink(text: str) -> int:
    return sum(map(len, text.split()))
