"""Zip archives from strangers: entries are read by name, never unpacked to disk, and only up to a limit."""

import io
import xml.etree.ElementTree as ET
import zipfile
import zlib
from xml.parsers import expat

from longspan.documents.content import Limits, Unreadable

BROKEN = "is broken: save or fetch it again"
"""Why a damaged archive cannot be read."""
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)
"""What zipfile raises on one; NotImplementedError is its word for a version or an encryption it does not know."""
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How EPUB and DOCX allow entries to be compressed; other ways have their own kinds of damage."""


class Archive:
    """The entries of a zip file. Raises Unreadable when it is not one."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGED as error:
            raise Unreadable(BROKEN) from error
        self.names = frozenset(self._zip.namelist())
        self._limit = self._left = limits.max_decompressed

    def size(self, name: str) -> int:
        """Bytes that an entry says it unpacks to; no more than these are ever read."""
        return self._zip.getinfo(name).file_size

    def read(self, name: str) -> bytes:
        """Bytes of one entry. Raises Unreadable when it is absent, damaged, protected or too large."""
        if name not in self.names:
            raise Unreadable(f"is broken, it lacks {name}: save or fetch it again")
        entry = self._zip.getinfo(name)
        if entry.flag_bits & 1:
            raise Unreadable("is protected by a password: save a copy without one")
        if entry.compress_type not in PACKED:
            raise Unreadable(BROKEN)
        try:
            with self._zip.open(entry) as opened:
                data = opened.read(self._left + 1)
        except DAMAGED as error:
            raise Unreadable(BROKEN) from error
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable(f"unpacks to more than {self._limit:,} bytes, which no real document does")
        return data


def parse_xml(data: bytes) -> ET.Element:
    """Root of an XML document. Raises Unreadable when it is malformed or declares entities, as only attacks do."""
    refuse_entities(data)
    try:
        return ET.fromstring(data)
    except ET.ParseError as error:
        raise Unreadable(BROKEN) from error


def refuse_entities(data: bytes) -> None:
    """Raise Unreadable when an XML document is malformed or declares entities."""

    def refuse(*_: object) -> None:
        raise Unreadable("declares XML entities, which can be an attack: it is not read")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(BROKEN) from error
