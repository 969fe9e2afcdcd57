"""Files in, documents out: every character of the text knows its file, its page and its offset."""

from longspan.documents.content import Limits
from longspan.documents.document import Document, Page, Reading, Skipped, Span
from longspan.documents.reading import read

__all__ = ["Document", "Limits", "Page", "Reading", "Skipped", "Span", "read"]
