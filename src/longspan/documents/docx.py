"""DOCX: paragraphs, lists, tables and notes of a Word file, through mammoth."""

import io
import zipfile
from xml.parsers.expat import ExpatError

from longspan.core.progress import Progress
from longspan.documents.archive import BROKEN, Archive, refuse_entities
from longspan.documents.content import Content, Limits, Unreadable
from longspan.documents.markup import visible

_MAX_XML = 100_000_000  # bytes: the parser needs some 20 times as much memory; a 1,000-page book has about 10 million
_MALFORMED = (ExpatError, LookupError, ValueError, TypeError, AttributeError, OSError, RecursionError)


def read(data: bytes, *, limits: Limits, progress: Progress) -> Content:
    """Read a Word file; no pictures, headers or footers. Raises Unreadable when it is broken or protected."""
    import mammoth

    checked = _checked(Archive(data, limits))
    picture = mammoth.images.img_element(lambda _: {})
    try:
        result = mammoth.convert_to_html(checked, convert_image=picture, include_embedded_style_map=False)
    except _MALFORMED as error:
        raise Unreadable(BROKEN) from error
    return Content(visible(result.value))


def _checked(archive: Archive) -> io.BytesIO:
    """The same file with nothing but its harmless XML parts: a hostile one may call any entry its main text."""
    parts = sorted(name for name in archive.names if name.endswith((".xml", ".rels")))
    if sum(map(archive.size, parts)) > _MAX_XML:
        raise Unreadable(f"unpacks to more than {_MAX_XML:,} bytes of text, which no real document does: split it")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as copy:
        for name in parts:
            data = archive.read(name)
            refuse_entities(data)
            copy.writestr(name, data)
    target.seek(0)
    return target
