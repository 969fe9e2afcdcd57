"""One store of finished work: entries found again by what they were made from, and the list of runs."""

from longspan.archive.archive import Archive
from longspan.archive.digest import digest_of
from longspan.archive.ledger import Run

__all__ = ["Archive", "Run", "digest_of"]
