"""Texts that begin alike share what was read, and the least used is forgotten first."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.reuse.prefix import PrefixCache
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

BLOCK, ROOM = 16, 1 << 30
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def read(tokens, family="llama"):
    with Session(tiny(family), Method()) as session:
        session.prefill([tokens])
        return session.save()


def held(cache, tokens, salt="salt"):
    found = cache.find(salt, tokens)
    return 0 if found is None else len(found)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 63, 500])
def test_the_same_text_is_found_in_whole_blocks_and_never_all_of_it(length):
    cache = PrefixCache(ROOM, block=BLOCK)
    cache.keep("salt", read(text(length)))
    assert held(cache, text(length)) == (length - 1) // BLOCK * BLOCK
    assert held(cache, [*text(length), 5]) == length // BLOCK * BLOCK


@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_reading_on_from_what_was_found_equals_reading_everything(family):
    model, cache, start = tiny(family), PrefixCache(ROOM, block=BLOCK), text(63)
    cache.keep("salt", read(start, family))
    whole = start + text(20, 1)
    found = cache.find("salt", whole)
    with Session(model, Method()) as session:
        session.restore(found)
        got = session.prefill([whole[len(found) :]])
    with Session(model, Method()) as session:
        torch.testing.assert_close(got, session.prefill([whole]), **CLOSE)
    assert len(found) == (63 if family == "gemma3" else 48)


def test_a_text_is_found_up_to_where_it_parts_from_the_stored_one():
    cache, stored = PrefixCache(ROOM, block=BLOCK), text(100)
    cache.keep("salt", read(stored))
    for parts in (0, 15, 16, 40, 99):
        other = [*stored[:parts], (stored[parts] + 1) % 100 + 2, *stored[parts + 1 :]]
        assert held(cache, other) == parts // BLOCK * BLOCK


def test_a_text_with_dropped_tokens_serves_only_what_begins_with_all_of_it():
    cache, stored = PrefixCache(ROOM, block=BLOCK), text(63)
    cache.keep("salt", read(stored, "mistral"))
    assert held(cache, [*stored, 5]) == 63
    assert held(cache, stored) == held(cache, stored[:50]) == held(cache, [*stored[:62], 3, 5]) == 0


@pytest.mark.parametrize("salts", [("a", "b"), ("", " "), ("1", "11")])
def test_another_salt_finds_nothing(salts):
    cache = PrefixCache(ROOM, block=BLOCK)
    cache.keep(salts[0], read(text(63)))
    cache.keep(salts[0], read(text(63), "mistral"))
    assert held(cache, [*text(63), 5], salts[1]) == 0


def test_common_blocks_are_held_once():
    cache, start = PrefixCache(ROOM, block=BLOCK), text(64)
    cache.keep("salt", read([*start, *text(32, 1)]))
    one = cache.nbytes()
    assert one == read(text(96)).nbytes()
    cache.keep("salt", read([*start, *text(32, 2)]))
    assert cache.nbytes() == one * 4 // 3
    cache.keep("salt", read(start))
    assert cache.nbytes() == one * 4 // 3


def test_the_least_recently_used_is_forgotten_ends_before_beginnings():
    sizes = read(text(64)).nbytes()
    cache = PrefixCache(2 * sizes, block=BLOCK)
    texts = [[*text(64, seed), 5] for seed in range(3)]
    for tokens in texts[:2]:
        cache.keep("salt", read(tokens))
    assert held(cache, texts[0]) == 64
    cache.keep("salt", read(text(32, 2)))
    assert [held(cache, tokens) for tokens in texts] == [64, 32, 32]
    assert cache.nbytes() == 2 * sizes


def test_a_text_larger_than_the_limit_keeps_its_beginning():
    cache = PrefixCache(read(text(32)).nbytes(), block=BLOCK)
    cache.keep("salt", read(text(500)))
    assert held(cache, text(500)) == 32


def test_what_is_kept_does_not_change_when_its_session_goes_on():
    model, cache = tiny(), PrefixCache(ROOM, block=BLOCK)
    with Session(model, Method()) as session:
        want = session.prefill([text(64)])
        cache.keep("salt", session.save())
        session.rewind(60)
        session.prefill([text(60, 1)])
    with Session(model, Method()) as session:
        session.restore(cache.find("salt", text(64)))
        torch.testing.assert_close(session.prefill([text(64)[48:]]), want, **CLOSE)


@pytest.mark.parametrize(("limit", "block"), [(0, 16), (100, 0)])
def test_a_cache_without_room_is_refused(limit, block):
    with pytest.raises(InputError, match="give 1 or more"):
        PrefixCache(limit, block=block)
