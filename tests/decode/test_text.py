"""Pieces of text put together are the text of all tokens, on real tokenizers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from longspan.decode.text import TextStream

TEXTS = [
    "The cafés of Zürich, naïve façades, 25 °C — déjà vu.",
    "长上下文模型可以阅读整本书。你好世界。",
    "👩‍👩‍👧‍👦 family 🇨🇭🇫🇷 flags 😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀 ok",
    "  two  spaces\n\n\tand a tab \u2028 line \ufffd replacement \ufffd\ufffd end\ufffd",
    "",
    "a",
]


@pytest.fixture(scope="module")
def byte_level() -> Tokenizer:
    """Trained without splitting words, so that merges cross from one emoji's bytes into the next one's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(["x".join(TEXTS[:2]), "é😀😀é😀", "好。好。"], trainer)
    return tokenizer


@pytest.fixture(scope="module")
def metaspace() -> Tokenizer:
    """SentencePiece's manner: a word brings its leading space, and unknown characters fall back to bytes."""
    words = {f"<0x{byte:02X}>": -9.0 for byte in range(256)}
    pieces = [("<unk>", -99.0), *words.items(), ("▁", -2.0), ("▁the", -1.0), ("▁cat", -1.0), ("s", -2.0), (".", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    return tokenizer


def pieces(tokenizer: Tokenizer, tokens: list[int]) -> list[str]:
    stream = TextStream(tokenizer.decode)
    return [*[stream.push(token) for token in tokens], stream.flush()]


@pytest.mark.parametrize("text", TEXTS)
def test_byte_level_pieces_equal_the_whole_text(byte_level, text):
    tokens = byte_level.encode(text).ids
    assert "".join(pieces(byte_level, tokens)) == byte_level.decode(tokens) == text


@pytest.mark.parametrize("text", ["the cats the cat.", "the", "the 猫 the 😀😀 cats", "猫猫猫猫猫猫猫猫猫猫 the"])
def test_leading_spaces_and_byte_fallback_pieces_equal_the_whole_text(metaspace, text):
    tokens = metaspace.encode(text).ids
    assert len(tokens) > 0
    assert "".join(pieces(metaspace, tokens)) == metaspace.decode(tokens) == text


def test_a_character_in_several_tokens_appears_once_it_is_whole(byte_level):
    tokens = [byte_level.token_to_id(sign) for sign in pre_tokenizers.ByteLevel().pre_tokenize_str("猫")[0][0][1:]]
    assert len(tokens) == 3
    assert pieces(byte_level, tokens) == ["", "", "猫", ""]


def test_text_appears_while_every_token_ends_inside_a_character(byte_level):
    text = "😀" * 200
    raw = [
        byte_level.token_to_id(sign)
        for sign in pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(text)[0][0]
    ]
    shown = pieces(byte_level, raw)
    assert "".join(shown) == text
    assert max(map(len, shown)) == 1


def test_work_per_token_does_not_grow(byte_level):
    longest = 0

    def decode(tokens: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(tokens))
        return byte_level.decode(tokens)

    broken = [byte_level.token_to_id("Ģ")] * 300
    stream = TextStream(decode)
    for token in byte_level.encode(TEXTS[0] * 40).ids + broken:
        stream.push(token)
    assert longest < 60


def test_a_token_without_text_changes_nothing(metaspace):
    hidden = [metaspace.token_to_id("▁cat")]
    stream = TextStream(lambda tokens: metaspace.decode([token for token in tokens if token not in hidden]))
    the = metaspace.token_to_id("▁the")
    assert [stream.push(token) for token in [the, *hidden, *hidden, the]] == ["the", "", "", " the"]


def test_special_tokens_inside_a_character_do_not_break_it(byte_level):
    first, *rest = [byte_level.token_to_id(sign) for sign in "çĮ«"]
    tokens = [first, *[byte_level.token_to_id("<|end|>")] * 60, *rest]
    assert "".join(pieces(byte_level, tokens)) == byte_level.decode(tokens) == "猫"


TOKEN = st.integers(0, 329)
RUNS = st.lists(st.lists(TOKEN) | st.builds(lambda one, times: [one] * times, TOKEN, st.integers(1, 60)), max_size=5)


@settings(deadline=None, max_examples=300)
@given(RUNS)
def test_any_tokens_at_all_give_the_whole_text(byte_level, runs):
    """Broken bytes included: a model may say anything."""
    tokens = [token for run in runs for token in run]
    assert byte_level.get_vocab_size() == 330
    assert "".join(pieces(byte_level, tokens)) == byte_level.decode(tokens)
