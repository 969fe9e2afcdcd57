"""Routes are priced right, and the one taken always fits."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.core.errors import InputError
from longspan.core.spec import parse
from longspan.models.method import Method
from longspan.plan.machine import Machine
from longspan.plan.routes import NAMES, PASSAGES, Request, choose, retrieve_budget, routes, stream_settings
from longspan.plan.shape import Shape
from longspan.plan.speed import Speed

SHAPE = Shape(
    layers=10,
    heads=8,
    kv_heads=2,
    head_dim=64,
    hidden=512,
    intermediate=1024,
    vocab=30_000,
    weight_bytes=200_000_000,
    bytes_per_weight=2,
    bytes_per_value=2,
    window=8192,
)
SPEED = Speed(token=0.001, pair=1e-8, step=0.02, stored=1e-7)
HELD = 300_000_000
MACHINE = Machine("processor", 2, 8 * 2**30, 4 * 2**30, HELD, disk=2**30)
GPU = dataclasses.replace(MACHINE, accelerator="card", accelerator_free=2**30)
REQUEST = Request(document_tokens=5000, question_tokens=100, max_tokens=200, retrieve_budget=2000)


def priced(request=REQUEST, shape=SHAPE, machine=MACHINE):
    return {route.name: route for route in routes(request, shape, SPEED, machine)}


def test_full_costs_what_a_hand_counts():
    full = priced()["full"]
    kv = 10 * 5300 * 520
    assert (full.prompt_tokens, full.kv_bytes, full.away_bytes) == (5100, kv, 0)
    assert full.peak_bytes == HELD + kv + SHAPE.work_bytes(2048)
    assert full.seconds == pytest.approx(5.1 + 1e-7 * 5100**2 / 2 + 100 * (0.02 + 1e-6 * 5100))
    assert full.fits
    assert full.reason == "5,300 tokens with the reply fit the 8,192-token window"


def test_retrieve_costs_what_a_hand_counts():
    retrieve = priced()["retrieve"]
    assert (retrieve.prompt_tokens, retrieve.kv_bytes) == (2100, 10 * 2300 * 520)
    assert retrieve.seconds == pytest.approx(2.1 + 1e-7 * 2100**2 / 2 + 100 * (0.02 + 1e-6 * 2100))
    assert retrieve.reason == "the best 2,000 tokens of passages are read"


def test_stream_costs_what_a_hand_counts():
    request = dataclasses.replace(REQUEST, document_tokens=400_000)
    stream = priced(request)["stream"]
    seen = 64 + 1024 + 128 + 512 + 8 * 128
    block_keys = 400_100 // 128 * 10 * 128 * 6
    assert (stream.prompt_tokens, stream.away_bytes) == (400_100, 10 * 400_100 * 520)
    assert stream.kv_bytes == 10 * 2304 * 520 + block_keys
    assert stream.seconds == pytest.approx(400.1 + 1e-7 * 400_100 * seen + 100 * (0.02 + 4 * 1e-6 * seen))
    assert stream.peak_bytes == priced(request, machine=GPU)["stream"].peak_bytes


def test_what_is_stored_is_neither_read_nor_filed_again():
    request = dataclasses.replace(REQUEST, document_tokens=400_000)
    fresh = priced(request)["stream"]
    again = priced(dataclasses.replace(request, stored={"stream": 400_000}))["stream"]
    assert again.seconds < fresh.seconds / 10
    assert (again.away_bytes, again.kv_bytes) == (10 * 100 * 520, fresh.kv_bytes)
    assert again.peak_bytes == fresh.peak_bytes + 10 * 201 * 1024 * 520
    full = priced(dataclasses.replace(REQUEST, stored={"full": 5000}))["full"]
    loading = 10 * 5000 * 520 / 1.2e9
    assert full.seconds == pytest.approx(0.1 + loading + 1e-7 * (5100**2 - 5000**2) / 2 + 100 * (0.02 + 1e-6 * 5100))


def test_what_is_stored_is_taken_unless_another_route_is_asked_for():
    long = dataclasses.replace(REQUEST, document_tokens=40_000, stored={"stream": 40_000})
    chosen, why = choose([*priced(long).values()], long)
    assert (chosen.name, why) == ("stream", "40,000 of its tokens were read before and are stored")
    assert choose([*priced(long).values()], long, wanted="retrieve")[0].name == "retrieve"
    both = dataclasses.replace(REQUEST, effective=4096, stored={"stream": 5000, "full": 4000})
    assert choose([*priced(both).values()], both)[0].name == "full"


def test_a_short_document_is_retrieved_whole():
    assert priced(dataclasses.replace(REQUEST, document_tokens=300))["retrieve"].prompt_tokens == 400


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_costs_never_fall_with_the_document(tokens, more):
    small = priced(dataclasses.replace(REQUEST, document_tokens=tokens))
    large = priced(dataclasses.replace(REQUEST, document_tokens=tokens + more))
    for name in NAMES:
        for cost in ("prompt_tokens", "kv_bytes", "away_bytes", "peak_bytes", "seconds"):
            assert getattr(small[name], cost) <= getattr(large[name], cost), (name, cost)


@given(st.integers(3000, 10**6))
def test_stream_holds_only_one_key_per_block_more_on_the_device_for_a_longer_document(tokens):
    short, long = (
        priced(dataclasses.replace(REQUEST, document_tokens=length), machine=GPU)["stream"] for length in (3000, tokens)
    )
    block_keys = (long.prompt_tokens // 128 - short.prompt_tokens // 128) * 10 * 128 * 6
    assert long.kv_bytes - short.kv_bytes == long.peak_bytes - short.peak_bytes == block_keys < long.away_bytes / 60


@given(st.integers(256, 131_072))
def test_streamed_distances_stay_within_the_window(window):
    settings = stream_settings(window)
    method = Method(**parse(settings.method))
    assert method.positions.window == settings.reach < window
    assert settings.reach >= settings.chunk + settings.local
    kv = method.kv
    assert (kv.init, kv.local, kv.blocks, kv.block) == (settings.init, settings.local, settings.blocks, settings.block)
    assert kv.block >= kv.representatives


@pytest.mark.parametrize(
    ("window", "effective", "budget"),
    [(8192, 4096, 512), (8192, 8192, 1024), (131_072, 131_072, PASSAGES), (330, 330, 30), (256, 256, 0)],
)
def test_passages_are_packed_up_to_an_eighth_of_what_the_model_reads_well(window, effective, budget):
    assert retrieve_budget(window, effective, 100, 200) == budget


def test_a_question_that_leaves_no_room_is_refused_with_the_numbers():
    request = dataclasses.replace(REQUEST, question_tokens=8000, retrieve_budget=retrieve_budget(8192, 4096, 8000, 200))
    with pytest.raises(InputError, match=r"8,200 tokens.*no room.*8,192-token window\. Use --route stream, a model"):
        choose(list(priced(request).values()), request, wanted="retrieve")


def test_auto_reads_what_fits_whole():
    route, why = choose(list(priced().values()), REQUEST)
    assert (route.name, why) == ("full", "the whole text fits, so it is read whole")


def test_auto_retrieves_what_does_not_fit():
    request = dataclasses.replace(REQUEST, document_tokens=100_000)
    route, why = choose(list(priced(request).values()), request)
    assert route.name == "retrieve"
    assert why.startswith("100,300 tokens with the reply do not fit the 8,192-token window, so the passages")


def test_auto_retrieves_what_fits_but_is_beyond_what_the_model_finds():
    request = dataclasses.replace(REQUEST, effective=4000)
    route, why = choose(list(priced(request).values()), request)
    assert route.name == "retrieve"
    assert why.startswith("5,300 tokens with the reply are more than the 4,000 up to which this model finds things, so")


def test_auto_streams_where_nothing_can_be_packed():
    request = dataclasses.replace(REQUEST, document_tokens=9000, question_tokens=8100, retrieve_budget=0)
    route, why = choose(list(priced(request).values()), request)
    assert route.name == "stream"
    assert "17,300 tokens with the reply do not fit" in why
    assert "question and reply (8,300 tokens) leave no room" in why


def test_auto_reads_whole_beyond_what_the_model_finds_where_nothing_else_can_be_taken():
    request = dataclasses.replace(REQUEST, effective=7, retrieve_budget=retrieve_budget(8192, 7, 100, 200))
    machine = dataclasses.replace(MACHINE, available=priced(request)["full"].peak_bytes - HELD, disk=1)
    table = priced(request, machine=machine)
    assert {name: route.fits for name, route in table.items()} == {"full": True, "retrieve": False, "stream": False}
    route, why = choose(list(table.values()), request)
    assert route.name == "full"
    assert why.startswith("5,300 tokens with the reply are more than the 7 ")
    assert why.endswith("but no other route can be taken")


@given(
    st.integers(1, 10**5),
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.sampled_from([0, 1, 4096]),
    st.integers(1, 2**28),
    st.sampled_from([MACHINE, GPU]),
    st.sampled_from(["auto", *NAMES]),
)
def test_the_route_taken_always_fits(document, question, reply, effective, room, machine, wanted):
    budget = retrieve_budget(SHAPE.window, effective or SHAPE.window, question, reply)
    request = Request(document, question, reply, budget, effective)
    machine = dataclasses.replace(machine, available=room, accelerator_free=room)
    table = list(priced(request, machine=machine).values())
    if not any(route.fits for route in table if wanted in ("auto", route.name)):
        with pytest.raises(InputError, match=r"\d.*\. (Ask shorter|Use ).*(smaller model|less text)$"):
            choose(table, request, wanted=wanted)
        return
    route, why = choose(table, request, wanted=wanted)
    assert route.fits
    assert why
    assert wanted in ("auto", route.name)
    assert route.peak_bytes - HELD <= room
    assert route.away_bytes <= (room if machine.accelerator else machine.disk)
    assert route.name == "stream" or route.prompt_tokens + reply <= SHAPE.window


def test_a_wanted_route_that_does_not_fit_says_the_numbers_and_what_to_do():
    request = dataclasses.replace(REQUEST, document_tokens=20_000)
    with pytest.raises(InputError) as caught:
        choose(list(priced(request).values()), request, wanted="full")
    assert str(caught.value) == (
        "--route full cannot be taken: 20,300 tokens with the reply do not fit the 8,192-token window. "
        "Use --route retrieve, --route stream, a model with a larger window or less text"
    )


def test_stored_tokens_that_do_not_fit_the_memory_are_an_error_with_numbers():
    small = dataclasses.replace(MACHINE, available=2 * 2**30)
    wide = dataclasses.replace(SHAPE, window=10**6)
    request = dataclasses.replace(REQUEST, document_tokens=900_000)
    with pytest.raises(InputError, match=r"full cannot be taken: \d\.\d GiB more are needed and 2\.0 GiB are free"):
        choose(list(priced(request, wide, small).values()), request, wanted="full")


def test_a_stream_that_rests_in_too_little_main_memory_says_how_much_it_needs():
    small = dataclasses.replace(GPU, available=2**30)
    request = dataclasses.replace(REQUEST, document_tokens=400_000)
    with pytest.raises(InputError, match=r"1\.9 GiB of main memory are needed for stored tokens and 1\.0 GiB are free"):
        choose(list(priced(request, machine=small).values()), request, wanted="stream")


def test_what_streams_through_a_processor_rests_on_the_disk_or_says_how_much_of_it_is_needed():
    request = dataclasses.replace(REQUEST, document_tokens=400_000)
    assert ",tier=disk " in priced(request)["stream"].method
    assert ",tier=host " in priced(request, machine=GPU)["stream"].method
    with pytest.raises(InputError, match=r"1\.9 GiB of disk are needed for stored tokens and 1\.0 GiB are free"):
        choose(list(priced(request).values()), request, wanted="stream")


def test_nothing_fits_is_an_error_with_every_reason_and_what_to_do():
    small = dataclasses.replace(MACHINE, available=2**20)
    with pytest.raises(InputError, match=r"no route fits \(full: .*retrieve: .*stream: .*free\)\. Ask shorter, lower"):
        choose(list(priced(machine=small).values()), REQUEST)


def test_an_unknown_route_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="no route named 'retreive': did you mean 'retrieve'"):
        choose(list(priced().values()), REQUEST, wanted="retreive")
