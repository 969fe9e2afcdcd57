"""What a plan promises is what a session holds, and the plan taken is the right one of those that fit."""

from __future__ import annotations

import dataclasses
from math import inf

import pytest
import torch
from tests.models.tiny_model import tiny_model
from tests.plan.test_shape import SMOLLM2

from longspan.core.errors import InputError
from longspan.models.method import Method
from longspan.plan.concurrency import serve
from longspan.plan.fit import Need, choose, plans
from longspan.plan.shape import Shape
from longspan.plan.speed import Speed

GIB = 2**30
SPEED = Speed(token=0.001, pair=1e-8, step=0.02, stored=1e-7)
BASE = 400 * 2**20


def table(need, shapes=None, speeds=None):
    return plans(shapes or {"bfloat16": SMOLLM2}, need, base=BASE, speeds=speeds or {"bfloat16": SPEED})


@pytest.mark.parametrize("length", [300, 1000])
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_promised_bytes_are_those_that_a_session_holds(family, length):
    model = tiny_model(family, max_position_embeddings=2048)
    need = Need(length, 16, 1, 8 * GIB)
    for plan in table(need, {"float32": Shape.of(model)}, {"float32": SPEED}):
        with model.open(Method.parse(plan.method), length=length) as session:
            session.prefill([torch.arange(length).remainder(99).tolist()], chunk=plan.chunk)
            held = session.nbytes()
        shares = {"full": 1.0, "offload": 0.5, "stream": 0.5, "8 bits": 0.25, "4 bits": 0.25}
        least = shares.get(plan.way, 0) * plan.kv
        assert least <= held <= plan.kv, plan.way


def test_everything_that_is_kept_is_weighed_by_hand():
    full = table(Need(4096, 256, 2, 8 * GIB))[0]
    assert full.kv == 2 * 30 * 4096 * 776
    assert full.work == 2 * SMOLLM2.work_bytes(2048)
    assert full.peak == full.host == BASE + SMOLLM2.weight_bytes + full.kv + full.work
    assert (full.method, full.chunk, full.gives_up) == ("", 2048, "nothing")


def test_quality_takes_what_gives_up_least_and_speed_what_is_fastest():
    made = table(Need(8000, 256, 1, 8 * GIB))
    assert choose(made, "quality").way == "full"
    assert choose(made, "speed").way == min(made, key=lambda plan: plan.seconds or inf).way != "full"


def test_less_memory_takes_a_way_that_gives_up_more_and_none_is_an_error():
    need = Need(32_000, 256, 1, 0)
    taken = [choose(table(dataclasses.replace(need, ram=ram)), "quality") for ram in (2 * GIB, 900 * 2**20)]
    assert [plan.way for plan in taken] == ["full", "offload"]
    assert taken[0].method == "rope=yarn:factor=4"
    assert all(plan.peak <= ram for plan, ram in zip(taken, (2 * GIB, 900 * 2**20), strict=True))
    with pytest.raises(InputError, match=r"the least is .* takes 0\.\d\d GiB of main memory, .* too many"):
        choose(table(dataclasses.replace(need, ram=400 * 2**20)), "quality")


def test_a_smaller_chunk_is_taken_where_the_work_of_a_large_one_does_not_fit():
    full = table(Need(8000, 256, 1, 8 * GIB))[0]
    tight = table(Need(8000, 256, 1, full.peak - 1))[0]
    assert tight.fits
    assert tight.chunk < full.chunk


def test_with_an_accelerator_stored_tokens_rest_in_main_memory():
    made = {plan.way: plan for plan in table(Need(8000, 256, 1, 8 * GIB, vram=GIB))}
    assert made["offload"].away == 30 * 8000 * 776
    assert made["offload"].host == BASE + made["offload"].away
    assert made["full"].peak == SMOLLM2.weight_bytes + made["full"].kv + made["full"].work


@pytest.mark.parametrize(("need", "said"), [((10, 10, 1, 1), "leaves nothing of 10"), ((10, 1, 0, 1), "--batch is 0")])
def test_needs_that_make_no_sense_are_refused(need, said):
    with pytest.raises(InputError, match=said):
        Need(*need)


def test_users_are_those_whose_texts_fit_beside_the_weights():
    served = serve(SMOLLM2, SPEED, tokens=8000, room=GIB, link=1e9)
    each = 30 * 8000 * 776
    assert served.users == (GIB - SMOLLM2.weight_bytes - SMOLLM2.work_bytes(2048)) // each == 4
    assert served.together_seconds == pytest.approx(0.02 + 4 * 1e-7 * 30 * 8000)
    assert served.switch_seconds == pytest.approx(2 * each / 1e9)
    assert serve(SMOLLM2, SPEED, tokens=8000, room=0).users == 0
