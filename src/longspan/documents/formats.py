"""Which reader reads which kind of file: a new format is a file beside this one and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from longspan.documents import docx, epub, html, pdf, text
from longspan.documents.content import Reader

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "text": text.read,
        "markdown": text.read,
        "code": text.read,
        "html": html.read,
        "pdf": pdf.read,
        "epub": epub.read,
        "docx": docx.read,
    }
)
"""Reader of each kind."""
