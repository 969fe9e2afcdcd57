import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.documents import Document
from longspan.documents.content import PAGE_GAP, number_ranges, paginate

page_texts = st.lists(st.text(alphabet="ab \n\u00e9\U0001f40b", max_size=6), max_size=6)


@given(page_texts, st.data())
def test_every_span_is_the_text_between_its_offsets(texts: list[str], data: st.DataObject) -> None:
    text, pages = paginate(texts)
    document = Document("book", text, "pdf", pages)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    span = document.span(start, end)
    assert span.text == document.text[start:end]
    if span.text.strip():
        visible = start + len(span.text) - len(span.text.lstrip())
        assert span.page == document.page_at(visible)


@given(page_texts)
def test_page_at_names_the_page_whose_bounds_hold_the_character(texts: list[str]) -> None:
    text, pages = paginate(texts)
    document = Document("book", text, "pdf", pages)
    assert [page.number for page in pages] == list(range(1, len(texts) + 1))
    for page, original in zip(pages, texts, strict=True):
        assert text[page.start : page.end] == original
        assert {document.page_at(offset) for offset in range(page.start, page.end)} <= {page.number}
    numbers = [document.page_at(offset) for offset in range(len(text))]
    assert None not in numbers
    assert numbers == sorted(number for number in numbers if number)


def test_a_gap_between_pages_belongs_to_the_page_before() -> None:
    text, pages = paginate(["one", "two"])
    document = Document("book", text, "pdf", pages)
    assert text == "one" + PAGE_GAP + "two"
    assert [document.page_at(offset) for offset in range(len(text))] == [1, 1, 1, 1, 1, 2, 2, 2]


def test_a_span_that_starts_in_a_gap_is_on_the_page_of_its_first_visible_character() -> None:
    text, pages = paginate(["one", "two"])
    assert Document("book", text, "pdf", pages).span(3, 8).page == 2


def test_outside_the_text_there_is_no_page() -> None:
    text, pages = paginate(["one"])
    document = Document("book", text, "pdf", pages)
    assert document.page_at(-1) is None
    assert document.page_at(3) is None
    assert Document("a.txt", "abc", "text").page_at(1) is None


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4)])
def test_a_span_outside_the_text_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=r"not within the 3 characters of a\.txt"):
        Document("a.txt", "abc", "text").span(start, end)


@pytest.mark.parametrize(("numbers", "words"), [([], ""), ([1], "1"), ([1, 2], "1-2"), ([3, 7, 8, 9], "3, 7-9")])
def test_page_numbers_are_written_as_ranges(numbers: list[int], words: str) -> None:
    assert number_ranges(numbers) == words
