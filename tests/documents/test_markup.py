import pytest

from longspan.documents.content import Unreadable
from longspan.documents.markup import decode_markup, visible


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>a <b>bold</b> word</p><p>next</p>", "a bold word\n\nnext"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div> a\n  b </div><div>c</div>", "a b\nc"),
        ("<pre>def f():\n    return 1\n</pre><p>after</p>", "def f():\n    return 1\n\nafter"),
        ("<ul><li>x</li><li>y</li></ul>z", "x\ny\n\nz"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a\tb\n1\t2"),
        ("<p>caf&eacute; &amp; &#x1F40B;</p>", "café & \U0001f40b"),
        ("<p>seen</p><script>hidden</script><style>hidden</style><template>hidden</template><!-- hidden -->", "seen"),
        ("<p>fish<em>er</em>man</p>", "fisherman"),
        ("", ""),
    ],
)
def test_visible_text_breaks_where_a_browser_does(markup: str, text: str) -> None:
    assert visible(markup) == text


def test_tags_closed_in_themselves_do_not_swallow_the_page() -> None:
    markup = '<html><head><title/><script src="a.js"/></head><body><a id="top"/><p>kept</p><i/>and this</body></html>'
    assert visible(markup) == "kept\n\nand this"


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=koi8-r'>", "koi8-r"),
        ('<?xml version="1.0" encoding="iso-8859-5"?>', "iso8859-5"),
        ("<meta charset=utf-8>", "utf-8"),
    ],
)
def test_the_declared_encoding_is_used(declaration: str, encoding: str) -> None:
    markup = f"{declaration}<p>\u043a\u0438\u0442</p>"
    assert decode_markup(markup.encode(encoding)) == (markup, ())


@pytest.mark.parametrize("name", ["utf-8", "rot13", "idna", "unicode_escape", "no-such-thing"])
def test_a_false_or_unusable_declaration_is_passed_over(name: str) -> None:
    markup = f'<meta charset="{name}"><p>Mes yeux se fermaient si vite, \u00e0 peine la bougie \u00e9teinte.</p>'
    assert decode_markup(markup.encode("cp1252")) == (markup, ())


def test_iso_8859_1_means_windows_1252_as_in_browsers() -> None:
    markup = '<meta charset="iso-8859-1">\u201cquoted\u201d'
    assert decode_markup(markup.encode("cp1252"))[0] == markup


def test_absurdly_deep_nesting_is_refused() -> None:
    with pytest.raises(Unreadable, match="nests more than 5,000 tags"):
        visible("<div>" * 1_000_000)  # to parse this takes hours


def test_many_paragraphs_left_open_are_not_deep() -> None:
    assert visible("<p>x" * 6_000).count("x") == 6_000
