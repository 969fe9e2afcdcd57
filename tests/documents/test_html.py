from longspan.core.progress import silent
from longspan.documents.content import Limits
from longspan.documents.html import read

SENTENCES = [
    "The harpooneers climbed the rigging before dawn and watched the horizon for a spout.",
    "By noon the wind had fallen, and the sea lay like a sheet of hammered tin.",
    "Queequeg sharpened his lance without a word while the mate counted the barrels.",
    "At dusk a white shape rose to leeward, and every man aboard stopped breathing.",
]
MENU = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/shop'>Shop</a></li></ul></nav>"
NOISE = "<script>var tracker = 'follow';</script><style>p { color: red }</style>"
FOOTER = "<footer><p>Cookie settings and imprint</p></footer>"


def page(body: str) -> bytes:
    return f"<!doctype html><html><head><title>Whales</title>{NOISE}</head><body>{body}</body></html>".encode()


def text_of(data: bytes) -> str:
    return read(data, limits=Limits(), progress=silent).text


def article(sentences: list[str]) -> str:
    return "<article>" + "".join(f"<p>{sentence}</p>" for sentence in sentences) + "</article>"


def test_the_article_is_read_without_menu_footer_script_or_style() -> None:
    found = text_of(page(MENU + article(SENTENCES) + NOISE + FOOTER))
    for sentence in SENTENCES:
        assert sentence in found
    for noise in ("Home", "Cookie settings", "tracker", "color: red"):
        assert noise not in found


def test_a_main_text_under_a_quarter_of_the_page_reads_it_whole() -> None:
    listing = "".join(f"<li><a href='/{row}'>Log of day {row} at sea</a></li>" for row in range(300))
    found = text_of(page(article(SENTENCES * 2) + f"<aside><ul>{listing}</ul></aside>" + NOISE))
    assert "Log of day 299 at sea" in found
    assert SENTENCES[0] in found
    assert "tracker" not in found


def test_a_page_without_any_article_keeps_its_tables() -> None:
    cells = "".join(f"<tr><td>port {row}</td><td>{row * 7} barrels</td></tr>" for row in range(40))
    found = text_of(page(f"{MENU}<form><table>{cells}</table></form>"))
    assert all(f"port {row} " in found and f" {row * 7} barrels" in found for row in range(40))


def test_leaving_out_more_than_menus_hold_reads_the_page_whole() -> None:
    listing = "".join(f"<li><a href='/{row}'>Log of day {row} at sea</a></li>" for row in range(900))
    found = text_of(page(article(SENTENCES * 60) + f"<aside><ul>{listing}</ul></aside>"))
    assert "Log of day 899 at sea" in found
    assert SENTENCES[0] in found


def test_a_page_as_long_as_a_book_is_read_whole() -> None:
    chapters = [f"{sentence} Day {day}." for day in range(800) for sentence in SENTENCES]
    found = text_of(page(article(chapters) + "<footer><p>Colophon</p></footer>"))
    assert [line for line in found.split("\n") if line] == [*chapters, "Colophon"]
