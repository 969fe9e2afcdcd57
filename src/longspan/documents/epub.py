"""EPUB: the chapters of a book in reading order (its spine), each a page."""

import posixpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from longspan.core.progress import Progress
from longspan.documents.archive import Archive, parse_xml
from longspan.documents.content import Content, Limits, Unreadable, paginate
from longspan.documents.markup import decode_markup, visible

_ENCRYPTION = "META-INF/encryption.xml"


def read(data: bytes, *, limits: Limits, progress: Progress) -> Content:
    """Read a book. Raises Unreadable when it is broken, copy-protected or without text."""
    archive = Archive(data, limits)
    chapters = _spine(archive)
    _refuse_protected(archive, chapters)
    texts: list[str] = []
    notes: list[str] = []
    for name in chapters:
        if name in archive.names:
            texts.append(_chapter(archive.read(name)))
        else:
            texts.append("")
            notes.append(f"chapter {len(texts)} ({name}) is not in the file")
        progress("parse epub", len(texts), len(chapters), "chapters")
    text, pages = paginate(texts)
    if not text:
        raise Unreadable("has no text in any chapter (pictures only?): convert it to PDF and run ocrmypdf on that")
    return Content(text, pages, tuple(notes))


def _chapter(data: bytes) -> str:
    text = visible(decode_markup(data)[0])
    return text if text.strip() else ""


def _spine(archive: Archive) -> list[str]:
    """Names of the chapters in reading order, each once: a book that lists one a thousand times is an attack."""
    package_name = _package_name(archive)
    package = parse_xml(archive.read(package_name))
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    order = dict.fromkeys(reference.get("idref") for reference in package.iterfind("{*}spine/{*}itemref"))
    folder = posixpath.dirname(package_name)
    return [_entry(folder, items[identity]) for identity in order if identity in items and _is_text(items[identity])]


def _package_name(archive: Archive) -> str:
    container = parse_xml(archive.read("META-INF/container.xml"))
    name = next((root.get("full-path") for root in container.iterfind(".//{*}rootfile")), None)
    if not name:
        raise Unreadable("is broken, it does not say where its contents are: save or fetch it again")
    return name


def _entry(folder: str, item: Element) -> str:
    """Name of an item's entry; one that climbs out of the archive names nothing in it."""
    return posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))


def _is_text(item: Element) -> bool:
    return not item.get("media-type", "").startswith(("image/", "audio/", "video/"))


def _refuse_protected(archive: Archive, chapters: list[str]) -> None:
    """Fonts may be scrambled; a scrambled chapter means copy protection."""
    if _ENCRYPTION not in archive.names:
        return
    references = parse_xml(archive.read(_ENCRYPTION)).iterfind(".//{*}CipherReference")
    scrambled = {posixpath.normpath(unquote(reference.get("URI", ""))) for reference in references}
    if not scrambled.isdisjoint(chapters):
        raise Unreadable("is copy-protected (DRM) and cannot be read: use a copy without protection")
