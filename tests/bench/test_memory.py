"""What does not fit is refused before it starts, with the figures."""

from dataclasses import replace

import pytest
from tests.models.tiny_model import tiny_model

from longspan.bench.memory import check, estimate, session, whole
from longspan.core.errors import InputError
from longspan.plan.shape import Shape

SHAPE = Shape.of(tiny_model())
PEERS = {"transformers": 0}


def test_the_longest_length_it_names_fits_and_one_more_does_not():
    room = estimate(SHAPE, 5000, PEERS)
    check(SHAPE, 5000, PEERS, room)
    with pytest.raises(InputError, match=r"9,000 tokens .* are free: ask for at most 5,000 or name fewer peers"):
        check(SHAPE, 9000, PEERS, room)


def test_one_pass_takes_more_than_chunks_and_counts_only_where_somebody_reads_so():
    assert whole(SHAPE, 20_000) > session(SHAPE, 20_000) == estimate(SHAPE, 20_000, {})
    assert estimate(SHAPE, 20_000, PEERS) == whole(SHAPE, 20_000)


def test_what_a_peer_holds_all_the_time_is_added():
    assert estimate(SHAPE, 500, {"llamacpp": 10**9}) == 10**9 + session(SHAPE, 500)


def test_masks_of_sliding_layers_grow_with_the_square():
    sliding = replace(SHAPE, sliding_window=16, sliding_layers=2)
    assert whole(sliding, 10_000) - whole(SHAPE, 10_000) == 10_000**2


def test_where_nobody_knows_the_room_nothing_is_refused():
    check(SHAPE, 10**9, PEERS, 0)


def test_no_length_is_named_where_none_fits():
    with pytest.raises(InputError, match="take a smaller model"):
        check(SHAPE, 500, {"kvpress": 10**9}, 10**6)
