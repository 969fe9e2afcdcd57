"""Plain text, Markdown and source code: bytes to characters."""

import codecs

from longspan.core.progress import Progress
from longspan.documents.content import Content, Limits, Unreadable
from longspan.documents.sniff import SUPPORTED, describe

# The four-byte marks come first: UTF-32's little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Short texts fit many encodings equally well; of those the one most used wins.
_COMMON = ("cp1252", "cp1251", "cp932", "gb18030", "cp1250", "iso8859_2", "koi8_r")
_SAMPLE = 65_536
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b\x1a"))


def read(data: bytes, *, limits: Limits, progress: Progress) -> Content:
    """Read a text file in whatever encoding it is. Raises Unreadable when it is binary."""
    text, notes = decode(data)
    return Content(text, notes=notes)


def decode(data: bytes, *, declared: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Text of bytes and notes on damage, by byte-order mark, declared encoding, UTF-8, UTF-16, else the likeliest.

    Line ends (CR LF, CR, LF) all become a single newline, so offsets into the result count one character per line end.
    Raises Unreadable when the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return newlines(data[len(mark) :].decode(encoding, errors="replace")), ()
    for encoding in filter(None, (declared, "utf-8", _utf16(data[:_SAMPLE]))):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return newlines(text), ()
    if _binary(data[:_SAMPLE]):
        raise Unreadable(f"is {describe(data)}; what can be read: {SUPPORTED}")
    return _damaged(data) or (_likeliest(data), ())


def newlines(text: str) -> str:
    """Make every line end a single newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: Western text has a zero in every other byte and hardly any in the rest."""
    zeros_even, zeros_odd = sample[::2].count(0), sample[1::2].count(0)
    most = max(zeros_even, zeros_odd)
    if most <= len(sample) // 8 or min(zeros_even, zeros_odd) * 20 > most:
        return None
    return "utf-16-le" if zeros_odd > zeros_even else "utf-16-be"


def _binary(sample: bytes) -> bool:
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return 0 in sample or controls * 100 > len(sample)


def _damaged(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """UTF-8 with a few bad bytes is still UTF-8: reading all of it as another encoding would spoil every accent."""
    text = data.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    good = sum(not character.isascii() for character in text) - bad
    if bad * 10 > good:
        return None
    return newlines(text), (f"{bad} places are not valid UTF-8 and were read as \ufffd",)


def _likeliest(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # UTF-16 and UTF-32 without a mark are settled above; guessed here they turn short Latin text into Chinese.
    wide = ["utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_7"]
    guesses = list(from_bytes(data, cp_exclusion=wide))
    if not guesses:
        raise Unreadable("is in an unknown character encoding: save it as UTF-8")
    best = guesses[0]
    as_good = [one for one in guesses if one.chaos <= best.chaos and one.coherence >= best.coherence]
    likely = (one for encoding in _COMMON for one in as_good if encoding in one.could_be_from_charset)
    return newlines(str(next(likely, best)))
