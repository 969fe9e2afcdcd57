import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from longspan.core.errors import InputError
from longspan.documents import Limits, Reading, read
from longspan.documents.document import Skipped

Make = Callable[..., bytes]


@pytest.fixture
def shelf(tmp_path: Path, make_pdf: Make, make_epub: Make, make_docx: Make) -> Path:
    """One file of every kind."""
    (tmp_path / "a.txt").write_bytes("caf\u00e9\r\nnoir\n".encode())
    (tmp_path / "b.md").write_text("# Whale\n")
    (tmp_path / "c.html").write_text("<p>Call me Ishmael, some years ago, never mind how long precisely.</p>")
    (tmp_path / "d.pdf").write_bytes(make_pdf([["Page one."], ["Page two."]]))
    (tmp_path / "e.epub").write_bytes(
        make_epub({"one.xhtml": "<p>Chapter one.</p>", "two.xhtml": "<p>Chapter two.</p>"})
    )
    (tmp_path / "f.docx").write_bytes(make_docx("<w:p><w:r><w:t>A memo.</w:t></w:r></w:p>"))
    (tmp_path / "g.py").write_text("print(1)\n")
    return tmp_path


def test_every_kind_is_read(shelf: Path) -> None:
    reading = read([shelf])
    kinds = [document.kind for document in reading.documents]
    assert kinds == ["text", "markdown", "html", "pdf", "epub", "docx", "code"]
    assert reading.skipped == ()
    texts = [document.text for document in reading.documents]
    assert texts[0] == "caf\u00e9\nnoir\n"
    assert texts[3:6] == ["Page one.\n\nPage two.", "Chapter one.\n\nChapter two.", "A memo."]


def test_a_quote_is_found_on_its_page(shelf: Path) -> None:
    (document,) = read([shelf / "d.pdf"]).documents
    start = document.text.index("Page two.")
    span = document.span(start, start + 9)
    assert (span.page, span.text, span.path) == (2, "Page two.", str(shelf / "d.pdf"))


def test_kind_is_told_by_content_where_the_name_is_wrong_or_missing(shelf: Path, tmp_path: Path) -> None:
    for source, kind in (("d.pdf", "pdf"), ("e.epub", "epub"), ("f.docx", "docx"), ("c.html", "text")):
        copy = tmp_path / "unnamed"
        copy.write_bytes((shelf / source).read_bytes())
        assert read([copy]).documents[0].kind == kind
    (tmp_path / "page").write_text("<!-- saved --><!DOCTYPE html><html><p>Call me Ishmael.</p></html>")
    (tmp_path / "run").write_text("#!/bin/sh\nls\n")
    assert [document.kind for document in read([tmp_path / "page", tmp_path / "run"]).documents] == ["html", "code"]


def test_the_digest_is_that_of_the_bytes(shelf: Path) -> None:
    (document,) = read([shelf / "a.txt"]).documents
    assert document.digest == hashlib.sha256((shelf / "a.txt").read_bytes()).hexdigest()


def test_standard_input_is_read_once_whatever_it_holds(make_pdf: Make) -> None:
    (document,) = read(["-", "-"], stdin=io.BytesIO(make_pdf([["Piped."]]))).documents
    assert (document.path, document.kind, document.text) == ("-", "pdf", "Piped.")
    with pytest.raises(InputError, match="standard input is empty"):
        read(["-"], stdin=io.BytesIO(b" \n"))


def test_a_file_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("dir/a.txt")
    monkeypatch.chdir(tmp_path)
    for paths in (["dir/a.txt", "./dir/a.txt"], ["dir", "dir/a.txt"], ["dir", "dir"], ["dir/a.txt", "dir"]):
        assert [document.path for document in read(paths).documents] == ["dir/a.txt"]
    assert [document.path for document in read(["link.txt"]).documents] == ["link.txt"]


def test_a_bad_file_stops_the_reading_when_named_and_is_skipped_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.txt").write_text(" \n")
    (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "d.pdf").write_bytes(b"%PDF-1.7\n")
    reading = read([tmp_path])
    assert [Path(one.path).name for one in reading.skipped] == ["b.txt", "c.png", "d.pdf"]
    assert [document.text for document in reading.documents] == ["fine"]
    for name, reason in (("b.txt", "is empty"), ("c.png", "is a PNG image; what can be read"), ("d.pdf", "is broken")):
        with pytest.raises(InputError, match=f"{name} {reason}"):
            read([tmp_path / "a.txt", tmp_path / name])


def test_pages_without_text_are_noted_beside_the_document(tmp_path: Path, make_pdf: Make) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(make_pdf([["One."], ["Two."], None]))
    reading = read([path])
    assert reading.skipped == (Skipped(str(path), "page 3 has no text (scanned?)"),)
    assert str(reading.skipped[0]).endswith("book.pdf: page 3 has no text (scanned?)")


@pytest.mark.parametrize(
    ("name", "start", "reason"),
    [
        ("a.rtf", b"{\\rtf1 x}", "is an RTF file"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Office file"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is protected by a password"),
        ("a.ps", b"%!PS-Adobe", "is a PostScript file"),
        ("a.epub", b"PK\x03\x04 cut off", "is broken"),
        ("a.zip", b"PK\x03\x04 cut off", "is a broken zip archive"),
    ],
)
def test_formats_that_are_not_supported_are_named(tmp_path: Path, name: str, start: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(InputError, match=f"{name} {reason}"):
        read([tmp_path / name])


@pytest.mark.parametrize("suffix", ["docx", "epub"])
@pytest.mark.parametrize(("at", "value"), [(10, 99), (6, 255)], ids=["compression", "version"])
def test_an_archive_from_the_future_is_an_error_and_no_traceback(
    tmp_path: Path, make_docx: Make, make_epub: Make, suffix: str, at: int, value: int
) -> None:
    """Of compressions they have two; zipfile raises NotImplementedError for a version of its future."""
    whole = make_docx("<x/>") if suffix == "docx" else make_epub({"a.xhtml": "<p>Words.</p>"})
    directory, *entries = whole.split(b"PK\x01\x02")
    start = at - 4
    entries = [entry[:start] + bytes([value]) + entry[start + 1 :] for entry in entries]
    (tmp_path / f"a.{suffix}").write_bytes(b"PK\x01\x02".join([directory, *entries]))
    with pytest.raises(InputError, match=f"a.{suffix} is broken"):
        read([tmp_path / f"a.{suffix}"])


def test_a_spreadsheet_is_an_unsupported_archive(tmp_path: Path, make_zip: Make) -> None:
    (tmp_path / "a.xlsx").write_bytes(make_zip({"xl/workbook.xml": "<x/>"}))
    with pytest.raises(InputError, match="is an archive of an unsupported kind"):
        read([tmp_path / "a.xlsx"])


def test_a_missing_path_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.pdf").write_text("x")
    (tmp_path / "dead").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'reprot\.pdf' does not exist: did you mean report\.pdf\?"):
        read(["reprot.pdf"])
    with pytest.raises(InputError, match=r"'zzz/q/a\.txt' does not exist: \./ holds no such name"):
        read(["zzz/q/a.txt"])
    with pytest.raises(InputError, match="does not exist"):
        read(["Who is the captain?" * 500])
    with pytest.raises(InputError, match="dead is a link that leads nowhere"):
        read(["dead"])


def test_nothing_to_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file was named"):
        read([])
    with pytest.raises(InputError, match="holds no files; what can be read: plain text"):
        read([tmp_path])
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text("")
    with pytest.raises(InputError, match=r"nothing to read in .*0\.txt is empty; .*; and 2 more"):
        read([tmp_path])


def test_limits_stop_large_files_and_large_trees(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x" * 100)
    with pytest.raises(InputError, match=r"a\.txt has more than 99 bytes"):
        read([tmp_path / "a.txt"], limits=Limits(max_bytes=99))
    with pytest.raises(InputError, match="standard input has more than 99 bytes"):
        read(["-"], stdin=io.BytesIO(b"x" * 100), limits=Limits(max_bytes=99))
    with pytest.raises(InputError, match="holds more than 1 files: name the directories that matter"):
        read([tmp_path], limits=Limits(max_files=1))
    assert len(read([tmp_path], limits=Limits(max_files=2, max_bytes=100)).documents) == 2


def test_minified_code_is_skipped_in_a_tree_and_read_when_named(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("let x=1;" * 500)
    (tmp_path / "b.js").write_text("let x = 1;\n")
    assert [one.reason for one in read([tmp_path]).skipped] == ["is minified: name it to read it"]
    assert len(read([tmp_path / "a.js"]).documents) == 1


def test_a_named_pipe_is_read_and_a_device_is_not(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("through the pipe",))
    writer.start()
    assert read([pipe]).documents[0].text == "through the pipe"
    writer.join()
    with pytest.raises(InputError, match="is a device"):
        read(["/dev/zero"])


def test_progress_counts_files(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x")
    seen: list[tuple[str, int, int, str]] = []
    read([tmp_path], progress=lambda *step: seen.append(step))
    assert seen == [("parse", 1, 2, "files"), ("parse", 2, 2, "files")]


def test_two_threads_read_pdfs_at_once(tmp_path: Path, make_pdf: Make) -> None:
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"{number}.pdf")
        paths[-1].write_bytes(make_pdf([[f"Book {number} page {page}."] for page in range(60)]))
    alone = [read([path]) for path in paths]
    together: dict[int, Reading] = {}
    threads = [threading.Thread(target=lambda n=n: together.update({n: read([paths[n]])})) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(2)] == alone


def test_importing_loads_no_parser() -> None:
    heavy = ["pypdfium2", "trafilatura", "selectolax", "mammoth", "charset_normalizer", "pathspec", "torch", "lxml"]
    code = f"import sys, longspan.documents; print([name for name in {heavy} if name in sys.modules])"
    source = str(Path(__file__).parents[2] / "src")
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
