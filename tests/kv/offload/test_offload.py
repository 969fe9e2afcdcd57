"""Offloading moves stored tokens off the device and changes no result."""

from __future__ import annotations

import gc

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.offload.offload import Offload
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
TIERS = ["host", "disk"]
BLOCK = 256


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return lambda: [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("chunk", [64, 128, 256])
def test_the_device_holds_two_blocks_at_most(tape, tier, chunk):
    played = tape(3000)
    store = Offload(tier, BLOCK).open(played.page.layer)
    for start in range(0, 3000, chunk):
        played.play(store, start, min(start + chunk, 3000), "chunk")
        assert store._near.length <= BLOCK + chunk
        assert store.nbytes() <= 2 * BLOCK * (2 * 2 * 8 * 4 + 8)
    assert len(store._rest) == (3000 - store._near.length) // BLOCK >= 9


@pytest.mark.parametrize("tier", TIERS)
def test_the_memory_of_a_long_call_is_given_back_by_the_next(tape, tier):
    played = tape(3001)
    store = Offload(tier, BLOCK).open(played.page.layer)
    played.play(store, 0, 3000, "chunk")
    long = store.nbytes()
    played.play(store, 3000, 3001, "token")
    assert store.nbytes() < long / 8


@pytest.mark.parametrize("tier", TIERS)
def test_attention_over_blocks_at_rest_equals_full(tape, tier):
    played = tape(1000, pads=(0, 130))
    kept, full = Offload(tier, 100).open(played.page.layer), Full().open(played.page.layer)
    for start in range(0, 900, 90):
        got, want = (played.play(store, start, start + 90, "chunk") for store in (kept, full))
        torch.testing.assert_close(got, want, **CLOSE)
    for start in range(900, 1000):
        got, want = (played.play(store, start, start + 1, "token") for store in (kept, full))
        torch.testing.assert_close(got, want, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tier", TIERS)
def test_what_comes_back_is_what_went_bit_for_bit(tape, tier, dtype):
    played = tape(500)
    k, v = played.k_BGTD.to(dtype), played.v_BGTD.to(dtype)
    store = Offload(tier, 64).open(played.page.layer)
    for start in range(0, 500, 50):
        cut = slice(start, start + 50)
        store.append(k[:, :, cut], v[:, :, cut], played.pos_BT[:, cut])
    near, *rest = store.read(played.q_BHTD, played.pos_BT)
    parts = [*rest, near]
    assert torch.equal(torch.cat([part.k_BGSD for part in parts], 2), k)
    assert torch.equal(torch.cat([part.v_BGSD for part in parts], 2), v)
    assert torch.cat([part.pos_BGS for part in parts], 2)[0, 1].tolist() == list(range(500))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("back", [1, 63, 64, 65, 300, 499])
def test_rolling_back_across_blocks_equals_never(tape, tier, back):
    played = tape(500)
    store, fresh = (Offload(tier, 64).open(played.page.layer) for _ in range(2))
    played.prompt(store, 500, 50)
    store.truncate(torch.tensor([500 - back]))
    for start in range(0, 500 - back, 50):
        played.play(fresh, start, min(start + 50, 500 - back), "chunk")
    for start in range(500 - back, 500, 50):
        got, want = (played.play(kept, start, min(start + 50, 500), "chunk") for kept in (store, fresh))
        torch.testing.assert_close(got, want, **CLOSE)
    near, *rest = store.read(played.q_BHTD, played.pos_BT)
    assert sorted(pos for part in [near, *rest] for pos in part.pos_BGS[0, 0].tolist()) == list(range(500))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("bits", "far"), [(8, 0.02), (4, 0.3)])
def test_few_bits_rest_and_the_latest_tokens_stay_exact(tape, tier, bits, far):
    played = tape(500, pads=(0, 30))
    store, full = Offload(tier, 64, bits, 8).open(played.page.layer), Full().open(played.page.layer)
    for start in range(0, 500, 50):
        got, want = (played.play(kept, start, start + 50, "chunk") for kept in (store, full))
    assert 0 < float((got - want).abs().max()) < far
    near, *rest = store.read(played.q_BHTD, played.pos_BT)
    assert len(near) >= 32
    parts = [*rest, near]
    assert torch.equal(torch.cat([part.pos_BGS for part in parts], 2)[:, 1], played.pos_BT)
    for have, kept in (("k_BGSD", played.k_BGTD), ("v_BGSD", played.v_BGTD)):
        assert torch.equal(getattr(near, have), kept[:, :, -len(near) :])
        off = torch.cat([getattr(part, have) for part in parts], 2) - kept
        span = kept.amax(-1, keepdim=True) - kept.amin(-1, keepdim=True)
        assert bool((off.abs() <= span * (0.501 / (2**bits - 1)) + 2e-3 * span).all())


def test_few_bits_take_less_room(tape, files):
    played, sizes = tape(3000), {}
    for bits in (0, 8, 4):
        store = Offload("disk", 512, bits, 8).open(played.page.layer)
        played.prompt(store, 3000, 500)
        (path,) = files()
        sizes[bits] = path.stat().st_size / len(store._rest)
        del store
        gc.collect()
    # a key and a value of 8 channels are 64 bytes; rounded, with a step and a level for each, 24 and 16
    assert sizes[8] < sizes[0] * 0.6
    assert sizes[4] < sizes[8]


def test_rolling_back_into_what_is_rounded_is_refused_and_changes_nothing(tape):
    played = tape(550)
    store, fresh = (Offload("host", 64, 8, 8).open(played.page.layer) for _ in range(2))
    played.prompt(store, 500, 50)
    near = store._near.length
    with pytest.raises(NotRewindable, match=f"rolling back to .{500 - near}"):
        store.truncate(torch.tensor([500 - near]))
    store.truncate(torch.tensor([500 - 32]))
    played.prompt(fresh, 500 - 32, 50)
    got, want = (played.play(kept, 500 - 32, 520, "chunk") for kept in (store, fresh))
    torch.testing.assert_close(got, want, **CLOSE)


def test_the_file_holds_the_older_tokens_and_is_gone_after_the_session(files):
    model, prompt = tiny("llama"), torch.randint(2, 120, (500,), generator=torch.Generator().manual_seed(0)).tolist()
    with Session(model, Method(kv=Offload("disk", 32))) as session:
        session.prefill([prompt], chunk=50)
        written = files()
        assert len(written) == 4
        tokens = len(session._stores[0]._rest) * 32
        assert tokens > 400
        assert all(path.stat().st_size >= tokens * 2 * 2 * 8 * 4 for path in written)
    gc.collect()
    assert files() == []


def test_the_file_is_gone_after_a_session_that_failed(files):
    def fail():
        with Session(tiny("llama"), Method(kv=Offload("disk", 32))) as session:
            session.prefill([[5] * 200], chunk=50)
            assert files()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    gc.collect()
    assert files() == []


def test_host_memory_needs_no_file(files):
    with Session(tiny("llama"), Method(kv=Offload("host", 32))) as session:
        session.prefill([[5] * 200], chunk=50)
        assert files() == []


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_a_model_answers_as_with_everything_on_the_device(tier, family):
    model, prompt = tiny(family), torch.randint(2, 120, (300,), generator=torch.Generator().manual_seed(1)).tolist()

    def logits(kv):
        with Session(model, Method(kv=kv)) as session:
            first = session.prefill([prompt, prompt[:77]], chunk=64)
            later = [session.decode(torch.tensor([[token], [token + 1]]))[:, 0] for token in range(3, 20)]
        return torch.stack([first, *later])

    torch.testing.assert_close(logits(Offload(tier, 32)), logits(Full()), **CLOSE)


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(InputError, match="tier='tape' is neither host nor disk"):
        Offload("tape")
    with pytest.raises(InputError, match="block=0 is not at least 1"):
        Offload(block=0)
    with pytest.raises(InputError, match="bits is 3; give 4 or 8, or 0"):
        Offload(bits=3)
    with pytest.raises(InputError, match="group is 0 channels; give 1 or more"):
        Offload(bits=4, group=0)


def test_a_group_that_does_not_divide_the_heads_is_refused_before_anything_is_read(tape):
    with pytest.raises(InputError, match="group is 64 channels, which does not divide this model's heads of 8"):
        Offload(bits=4).open(tape(1).page.layer)


def test_the_folder_lives_as_long_as_the_store(files, tmp_path):
    assert list(tmp_path.iterdir()) == []
    store = Offload("disk", 32).open(None)
    assert len(list(tmp_path.iterdir())) == 1
    del store
    gc.collect()
    assert list(tmp_path.iterdir()) == []
