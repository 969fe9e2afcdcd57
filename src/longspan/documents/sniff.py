"""Which kind of file it is: by its first bytes where those decide, else by its name."""

import io
import re
import zipfile
from pathlib import PurePath

from longspan.documents.archive import DAMAGED
from longspan.documents.content import Unreadable

SUPPORTED = "plain text, Markdown, HTML, PDF, EPUB, DOCX and source code"
"""What can be read, for messages."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_CODE = """
    py pyi pyx c h cc cpp cxx hh hpp cu cuh m mm rs go java kt kts scala groovy gradle cs fs vb js mjs cjs jsx ts tsx
    vue svelte css scss sass less rb php pl pm lua r jl swift dart zig nim ex exs erl hrl hs ml mli clj cljs lisp el scm
    sh bash zsh fish ps1 bat cmd sql proto thrift graphql tf nix cmake mk asm s f f90 f95 pas d v sv vhd vhdl sol move
    tcl awk metal wgsl glsl
"""
_SUFFIXES = {
    **dict.fromkeys((".txt", ".text"), "text"),
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((f".{suffix}" for suffix in _CODE.split()), "code"),
    ".pdf": "pdf",
    ".epub": "epub",
    ".docx": "docx",
}
_CODE_NAMES = frozenset({"makefile", "gnumakefile", "dockerfile", "cmakelists.txt", "jenkinsfile", "rakefile"})
_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"RIFF", "an image, sound or film"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a compiled program"),
    (b"\xcf\xfa\xed\xfe", "a compiled program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"GGUF", "a model file"),
)
_HTML_START = re.compile(rb"(?is)\s*(<\?xml[^>]*>\s*)?(<!--((?!-->).)*-->\s*)*<(!doctype\s+html|html)\b")


def kind_of(name: str, data: bytes) -> str:
    """Kind of a file from its name and content. Raises Unreadable for a format that is recognised but not supported."""
    suffix = PurePath(name).suffix.lower()
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(_ZIP):
        return _kind_of_archive(suffix, data)
    if data.startswith(_OLE):
        raise Unreadable(_ole_reason(suffix))
    if data.startswith(b"{\\rtf"):
        raise Unreadable("is an RTF file, which is not supported: save it as .docx, .pdf or .txt")
    if data.startswith(b"%!PS"):
        raise Unreadable("is a PostScript file, which is not supported: convert it to PDF, for example with ps2pdf")
    if PurePath(name).name.lower() in _CODE_NAMES:
        return "code"
    return _SUFFIXES.get(suffix) or _kind_of_text(data[:4096])


def describe(data: bytes) -> str:
    """Say in words what a binary file is."""
    if data[4:8] == b"ftyp":
        return "a film or an image"
    return next((words for signature, words in _SIGNATURES if data.startswith(signature)), "a binary file")


def _kind_of_text(start: bytes) -> str:
    if start.startswith(b"#!"):
        return "code"
    return "html" if _HTML_START.match(start.removeprefix(b"\xef\xbb\xbf")) else "text"


def _kind_of_archive(suffix: str, data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except DAMAGED:
        if suffix in (".epub", ".docx"):
            return suffix[1:]
        raise Unreadable(f"is a broken zip archive; what can be read: {SUPPORTED}") from None
    if "META-INF/container.xml" in names:
        return "epub"
    if "word/document.xml" in names:
        return "docx"
    if suffix in (".epub", ".docx"):
        return suffix[1:]
    raise Unreadable(f"is an archive of an unsupported kind: unpack or convert it; what can be read: {SUPPORTED}")


def _ole_reason(suffix: str) -> str:
    if suffix == ".docx":
        return "is protected by a password: open it in a word processor and save a copy without one"
    return "is an old Office file (.doc, .xls, .ppt), which is not supported: save it as .docx or .pdf"
