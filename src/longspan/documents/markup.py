"""HTML and XHTML markup to the text that a reader of the page sees."""

import codecs
import re

from longspan.documents.content import Unreadable
from longspan.documents.text import decode, newlines


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_DEEPEST = 5_000  # the HTML parser's time grows with the square of the depth
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_ENCODINGS = re.compile(r"(utf-|iso8859|iso2022|cp|koi8|shift_jis|euc_|gb|big5|mac|ascii|tis|johab|hz)")
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
_TAGS = re.compile(r"<(/?)([A-Za-z][\w:-]*)")
_VOID = _tags("area base br col embed hr img input link meta param source track wbr")
_CLOSES_ITSELF = _tags("p li dt dd tr td th thead tbody tfoot option optgroup colgroup rp rt html head body")
_UNSEEN = frozenset({"script", "style", "template", "head", "title", "noscript", "iframe"})
_PARAGRAPHS = _tags(
    "p h1 h2 h3 h4 h5 h6 blockquote pre table ul ol dl section article header footer nav "
    "main aside figure hr form fieldset address details"
)
_LINES = _tags("div li tr br dt dd figcaption caption summary legend body option")


def decode_markup(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Text of HTML or XHTML bytes, by the encoding they declare where that is true, and notes on damage."""
    match = _DECLARED.search(data[:2048])
    return decode(data, declared=_encoding(match[1].decode("ascii")) if match and match[1].isascii() else None)


def visible(markup: str) -> str:
    """All text a reader of the page sees, one line per block, table cells parted by tabs. Raises Unreadable."""
    from selectolax.lexbor import LexborHTMLParser, LexborNode

    markup = _SELF_CLOSED.sub(_open_and_close, markup)
    _refuse_deep(markup)
    lines = _Lines()
    left: list[LexborNode | str] = [root] if (root := LexborHTMLParser(markup).root) else []
    while left:
        node = left.pop()
        if isinstance(node, str):
            lines.boundary(node, opening=False)
            continue
        if node.next is not None:
            left.append(node.next)
        tag = node.tag or ""
        if node.is_text_node:
            lines.add(node.text_content or "")
        elif node.is_element_node and tag not in _UNSEEN:
            lines.boundary(tag, opening=True)
            left.append(tag)
            if node.first_child is not None:
                left.append(node.first_child)
    return lines.text()


class _Lines:
    """Text gathered line by line as a browser would break it."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._line: list[str] = []
        self._verbatim = 0

    def add(self, text: str) -> None:
        if self._verbatim:
            first, *rest = newlines(text).split("\n")
            self._line.append(first)
            for line in rest:
                self._done.append("".join(self._line).rstrip())
                self._line = [line]
            return
        words = re.sub(r"[ \t\r\n\f]+", " ", text)
        if not self._line or self._line[-1][-1:] in " \t":
            words = words.lstrip(" ")
        if words:
            self._line.append(words)

    def boundary(self, tag: str, *, opening: bool) -> None:
        if tag in _PARAGRAPHS:
            self._end()
            if self._done and self._done[-1]:
                self._done.append("")
        elif tag in _LINES and (opening or tag != "br"):
            self._end()
        elif tag in ("td", "th") and not opening:
            self._line.append("\t")
        if tag == "pre":
            self._verbatim += 1 if opening else -1

    def _end(self) -> None:
        if line := "".join(self._line).rstrip():
            self._done.append(line)
        self._line = []

    def text(self) -> str:
        self._end()
        return "\n".join(self._done).strip("\n")


def _encoding(name: str) -> str | None:
    """Python's name of a declared encoding; None when it is unknown or no character encoding."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    if found in ("iso8859-1", "ascii"):
        return "cp1252"  # what browsers take these two names to mean
    return found if _ENCODINGS.match(found) else None


def _open_and_close(match: re.Match[str]) -> str:
    """XHTML may close any tag in itself; read as HTML, an empty <title/> would swallow the page."""
    tag, attributes = match.groups()
    return match[0] if tag.lower() in _VOID else f"<{tag}{attributes}></{tag}>"


def _refuse_deep(markup: str) -> None:
    depth = 0
    for match in _TAGS.finditer(markup):
        if match[2].lower() not in _VOID | _CLOSES_ITSELF:
            depth = max(depth - 1, 0) if match[1] else depth + 1
            if depth > _DEEPEST:
                raise Unreadable(f"nests more than {_DEEPEST:,} tags in each other, which no real page does")
