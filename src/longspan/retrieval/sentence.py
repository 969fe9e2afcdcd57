"""Where a text may be cut: prose between sentences, code between lines; every place says how good it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

SENTENCE, LINE, PARAGRAPH, HEADING = range(4)
"How good a cut before a unit is; the higher the better."

# Western closing quotes and brackets; ideographic ones; the full stops of India, Arabic, Urdu and Ethiopia.
_CLOSE = r")\]\"'*_\u201d\u2019\u00bb"
_CLOSE_WIDE = r"\u300d\u300f\uff09\u3009\u300b\u201d\u2019"
_DOTS = r"\u0964\u0965\u061f\u06d4\u1362"
_STOP = re.compile(
    # The look-behinds keep long runs of dots linear.
    rf"(?<![.!?\u2026])[.!?\u2026]++[{_CLOSE}]*+(?=\s)"
    rf"|(?<![{_DOTS}])[{_DOTS}]++(?=\s)"
    rf"|[\u3002\uff01\uff1f\uff61]+[{_CLOSE_WIDE}]*"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:[^\W\d_]|mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|al|fig|figs|eq|sec|ch|vol|nos|pp|cf|ca|approx|resp|ed|eds|inc|ltd"
    r"|co|corp|gen|col|capt|rev|hon|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|bzw|usw|ca|bspw|nr|mme|mlle)"
    r"|\b(?:[^\W\d_]\.)+[^\W\d_])\Z",
    re.IGNORECASE,
)
_HEADING = re.compile(r"#{1,6}\s|(?:chapter|book|part|section|appendix)\s+[\divxlc]+\b", re.IGNORECASE)
_UNDERLINE = re.compile(r"([=\-~^*+#\"'])\1{2,}\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+•‣◦|]\s|\(?(?:\d{1,3}|[a-z])[.)]\s)")
_DEFINITION = re.compile(
    r"(?:@|(?:(?:export|default|public|private|protected|static|abstract|final|pub|async|unsafe|inline|extern|virtual|local)\s+)*"
    r"(?:def|class|func|fn|function|struct|enum|trait|impl|interface|type|module|namespace|package|sub|const|template)\b)"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence or line that stays whole: characters start to end of its text, without white space around."""

    start: int
    end: int
    cut: int
    "How good a cut before it is: SENTENCE, LINE, PARAGRAPH or HEADING."


def units(text: str, *, code: bool, limit: int) -> list[Unit]:
    """Cut a text as finely as is allowed; a unit of more than `limit` characters is cut at a line end or space."""
    blocks = code_lines(text) if code else prose_blocks(text)
    found = []
    for start, end, cut in blocks:
        for low, high in [(start, end)] if code else sentences(text, start, end):
            for piece in short(text, low, high, limit):
                found.append(Unit(*piece, cut))
                cut = SENTENCE
    return found


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences between two characters as spans without white space around them."""
    begin = start
    for stop in _STOP.finditer(text, start, end):
        if ends_sentence(text, stop, end):
            yield from trimmed(text, begin, stop.end())
            begin = stop.end()
    yield from trimmed(text, begin, end)


def ends_sentence(text: str, stop: re.Match[str], end: int) -> bool:
    """Whether this punctuation ends a sentence: no abbreviation before it, no small letter after it."""
    following = text[stop.end() : min(stop.end() + 40, end)].lstrip()
    if following[:1].islower():
        return False
    single_dot = stop[0].startswith(".") and not stop[0].startswith("..")
    return not (single_dot and _ABBREVIATION.search(text[max(stop.start() - 12, 0) : stop.start()]))


def prose_blocks(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield headings, paragraphs and list items as (start, end, cut)."""
    lines = [*spans_of_lines(text), (len(text), len(text))]
    begin, cut, above_blank = 0, HEADING, True
    for (start, end), (next_start, next_end) in pairwise(lines):
        line = text[start:end]
        if not line.strip():
            above_blank = True
            continue
        below = text[next_start:next_end]
        title = is_title(line, below, alone=above_blank and not below.strip())
        better = HEADING if title else PARAGRAPH if above_blank else LINE if _ITEM.match(line) else SENTENCE
        if better > SENTENCE:
            yield from ((*span, cut) for span in trimmed(text, begin, start))
            begin, cut = start, better
        above_blank = False
    yield from ((*span, cut) for span in trimmed(text, begin, len(text)))


def is_title(line: str, below: str, *, alone: bool) -> bool:
    """Whether a line is a heading: marked, underlined, or short and alone between blank lines without a full stop."""
    if line.startswith("#") or (alone and len(line) < 80):
        return bool(_HEADING.match(line)) or (line[:1].isalnum() and line.rstrip()[-1].isalnum())
    return bool(_UNDERLINE.match(below)) and not _UNDERLINE.match(line)


def code_lines(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield lines that are not blank as (start, end, cut); what stands at the margin after a blank line cuts best."""
    above_blank, belongs_below = True, False
    for start, end in spans_of_lines(text):
        line = text[start:end]
        if not line.strip():
            above_blank, belongs_below = True, False
            continue
        margin = not line[0].isspace()
        defines = margin and not belongs_below and bool(_DEFINITION.match(line))
        cut = HEADING if margin and above_blank else PARAGRAPH if above_blank or defines else LINE
        yield from ((*span, cut) for span in trimmed(text, start, end))
        # Decorators, attributes and comments stay with the definition under them.
        belongs_below, above_blank = line.startswith(("@", "#", "/", "*", "[", " *")), False


def spans_of_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield every line's span without its line end."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def short(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield a span in pieces of at most `limit` characters: cut at the last line end, else space, else hard."""
    while end - start > limit:
        middle = start + limit // 2
        line = text.rfind("\n", middle, start + limit)
        space = text.rfind(" ", middle, start + limit)
        cut = line if line > 0 else space if space > 0 else start + limit
        yield from trimmed(text, start, cut)
        start = cut
    yield from trimmed(text, start, end)


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the span without white space around it, or nothing when only white space is left."""
    whole = text[start:end]
    inner = whole.strip()
    if inner:
        first = start + len(whole) - len(whole.lstrip())
        yield first, first + len(inner)
