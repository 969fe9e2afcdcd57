import math
from pathlib import Path

import pytest

from longspan.retrieval.bm25 import BM25, terms

TEXTS = [
    "def parse_header(line): return line.split(':')",
    "class HTTPServer:\n    def serveForever(self): ...",
    "The café serves naïve coffee.",
    "我们喜欢长文本模型。",
    "หมายเลขโทรศัพท์ของฉัน",
    "लंबा पाठ पढ़ने वाला मॉडल",
    "Длинный текст читает модель.",
    "asyncio.gather(*tasks) waits for all of them",
    "!!! ---",
]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("parse_header", 0),
        ("what does header parsing with parse do", 0),
        ("HTTPServer", 1),
        ("http server", 1),
        ("serveForever", 1),
        ("how do I serve forever?", 1),
        ("cafe", 2),
        ("Naive", 2),
        ("长文本", 3),
        ("โทรศัพท์", 4),
        ("मॉडल", 5),
        ("ДЛИННЫЙ", 6),
        ("asyncio.gather", 7),
    ],
)
def test_the_text_with_the_words_is_first(question: str, expected: int) -> None:
    assert BM25.build(TEXTS).rank(question, 3)[0][0] == expected


def test_an_exact_identifier_beats_its_parts() -> None:
    texts = ["get user name and get the id", "user_id = get_user_id(user)", "get_user_name(get, user, name)"]
    assert BM25.build(texts).rank("get_user_id", 3)[0][0] == 1


def test_scores_are_those_of_the_formula() -> None:
    texts = ["red red blue", "blue green", "green green green yellow"]
    (text, score), *others = BM25.build(texts, k1=1.5, b=0.75).rank("red", 3)
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    tf = 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 3 / 3))
    assert (text, others) == (0, [])
    assert score == pytest.approx(idf * tf, rel=1e-5)


def test_a_saved_index_ranks_the_same(tmp_path: Path) -> None:
    built = BM25.build(TEXTS)
    built.save(tmp_path)
    for question in ("server header", "长文本", "asyncio.gather"):
        assert BM25.load(tmp_path).rank(question, 9) == built.rank(question, 9)


def test_no_shared_word_finds_nothing() -> None:
    assert BM25.build(TEXTS).rank("zebra", 5) == []
    assert BM25.build(TEXTS).rank("?!", 5) == []
    assert BM25.build(["...", "!"]).rank("word", 5) == []


def test_stop_words_count_only_when_there_is_nothing_else() -> None:
    index = BM25.build(["what is this", "a whale swims"])
    assert index.rank("what is a whale", 2)[0][0] == 1
    assert index.rank("what is it", 2)[0][0] == 0


def test_terms_keep_the_identifier_and_add_its_parts() -> None:
    assert terms("os.path.joinAll2") == ["os.path.joinall2", "os", "path", "joinall2", "join", "all", "2"]
    assert terms("__init__ XMLParser") == ["__init__", "init", "xmlparser", "xml", "parser"]
    assert terms("語 Straße İ") == ["語", "strasse", "i"]
    assert terms("") == []
