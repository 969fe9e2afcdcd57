"""Paths to documents: finds the files, picks the reader of each, and says what could not be read."""

import difflib
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISBLK, S_ISCHR, S_ISSOCK
from typing import BinaryIO

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.documents.content import Limits, Unreadable
from longspan.documents.document import Document, Reading, Skipped
from longspan.documents.formats import READERS
from longspan.documents.sniff import SUPPORTED, kind_of
from longspan.documents.tree import File, looks_minified, walk

STDIN = "-"
"""The path that means standard input."""
_DEFAULT_LIMITS = Limits()
_REASONS_SHOWN = 5


def read(
    paths: Sequence[str | Path],
    *,
    progress: Progress = silent,
    stdin: BinaryIO | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> Reading:
    """Read files, directories and standard input ("-"); a file that is named twice is read once.

    Raises InputError when a named file cannot be read or nothing can; what merely lies in a directory is skipped.
    """
    files, skipped = _files(paths, limits)
    documents: list[Document] = []
    for done, file in enumerate(files, 1):
        try:
            document, notes = _document(file, stdin=stdin, limits=limits, progress=progress)
        except Unreadable as reason:
            if file.named:
                raise InputError(f"{_display(file)} {reason}") from reason
            skipped.append(Skipped(file.path, str(reason)))
        else:
            documents.append(document)
            skipped += [Skipped(file.path, note) for note in notes]
        progress("parse", done, len(files), "files")
    if not documents:
        raise InputError(_nothing(paths, skipped))
    return Reading(tuple(documents), tuple(skipped))


def _files(paths: Sequence[str | Path], limits: Limits) -> tuple[list[File], list[Skipped]]:
    files: dict[str, File] = {}
    skipped: list[Skipped] = []
    for path in paths:
        found = 0
        for item in _expand(path, limits):
            if isinstance(item, Skipped):
                skipped.append(item)
                continue
            found += 1
            if found > limits.max_files:
                raise InputError(f"{path} holds more than {limits.max_files:,} files: name the directories that matter")
            identity = STDIN if item.location is None else os.path.realpath(item.location)
            if identity not in files or (item.named and not files[identity].named):
                files[identity] = item
    return list(files.values()), skipped


def _expand(path: str | Path, limits: Limits) -> Iterator[File | Skipped]:
    if path == STDIN:
        return iter([File(STDIN, None, named=True)])
    location = Path(path)
    if not os.fspath(path) or not os.path.exists(path):
        raise InputError(_missing(path))
    if os.path.isdir(path):
        return walk(location, limits=limits)
    return iter([File(str(path), location, named=True)])


def _document(
    file: File, *, stdin: BinaryIO | None, limits: Limits, progress: Progress
) -> tuple[Document, tuple[str, ...]]:
    data = _load(file, stdin=stdin, limits=limits)
    if not data.strip():
        raise Unreadable("is empty")
    kind = kind_of(file.path, data)
    content = READERS[kind](data, limits=limits, progress=progress)
    if not content.text.strip():
        raise Unreadable("has no text in it")
    if kind == "code" and not file.named and looks_minified(content.text):
        raise Unreadable("is minified: name it to read it")
    digest = hashlib.sha256(data).hexdigest()
    return Document(file.path, content.text, kind, content.pages, digest), content.notes


def _load(file: File, *, stdin: BinaryIO | None, limits: Limits) -> bytes:
    try:
        if file.location is None:
            return _within(stdin or sys.stdin.buffer, limits)
        mode = file.location.stat().st_mode
        if S_ISCHR(mode) or S_ISBLK(mode) or S_ISSOCK(mode):
            raise Unreadable("is a device, not a file: copy what is on it to a file, or pipe it in and name -")
        with open(file.location, "rb") as source:
            if os.fstat(source.fileno()).st_size > limits.max_bytes:
                raise _too_large(limits)
            return _within(source, limits)
    except OSError as error:
        raise Unreadable(f"cannot be opened ({error.strerror})") from error


def _within(source: BinaryIO, limits: Limits) -> bytes:
    data = source.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise _too_large(limits)
    return data


def _too_large(limits: Limits) -> Unreadable:
    return Unreadable(f"has more than {limits.max_bytes:,} bytes, the limit for one file: split it")


def _display(file: File) -> str:
    return "standard input" if file.location is None else file.path


def _missing(path: str | Path) -> str:
    """Say that a path does not exist, from which part on, and what is there instead."""
    if os.path.islink(path):
        return f"{path} is a link that leads nowhere: name the file itself"
    wanted = Path(path)
    while not os.path.exists(wanted.parent):
        wanted = wanted.parent
    try:
        names = os.listdir(wanted.parent)
    except OSError:
        names = []
    near = difflib.get_close_matches(wanted.name, names, n=1)
    hint = f"did you mean {wanted.parent / near[0]}?" if near else f"{wanted.parent}/ holds no such name"
    return f"{str(path)!r} does not exist: {hint}"


def _nothing(paths: Sequence[str | Path], skipped: list[Skipped]) -> str:
    if not paths:
        return f"no file was named: name files or directories ({SUPPORTED}), or - for standard input"
    where = ", ".join(map(str, paths))
    if not skipped:
        return f"{where} holds no files; what can be read: {SUPPORTED}"
    reasons = [f"{one.path} {one.reason}" for one in skipped[:_REASONS_SHOWN]]
    more = f"; and {len(skipped) - len(reasons):,} more" if len(skipped) > len(reasons) else ""
    return f"nothing to read in {where}: {'; '.join(reasons)}{more}"
