"""KVQuant: un-rotated keys in fitted levels, outliers and the first tokens exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.quant.calibration import Tap, calibrate
from longspan.kv.quant.column import SPARE
from longspan.kv.quant.kvquant import KVQuant
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.fixture
def raw(tape):
    """A tape whose keys are as projected."""

    def make(length, **shape):
        made = tape(length, **shape)
        made.page = replace(made.page, layer=replace(made.page.layer, rotated=False))
        return made

    return make


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_the_first_tokens_and_outliers_are_exact_and_the_others_near(raw, stored, bits):
    made = raw(400)
    made.k_BGTD.pow_(3)
    made.v_BGTD[0, 0, 50:60, 3] = 1000
    store = KVQuant(bits, outliers=0.125, sinks=4, sample=50).open(made.page.layer)
    made.prompt(store, 400, chunk=400)
    keys, values = stored(store)
    for got, x in ((keys, made.k_BGTD[0]), (values, made.v_BGTD[0])):
        assert torch.equal(got[:, :4], x[:, :4])
        error = (got - x)[:, 4:]
        assert 0 < float(error.square().mean()) < float(x[:, 4:].square().mean()) * 0.5**bits
    extremes = made.k_BGTD[0, :, 4:].abs().flatten().topk(100).values[-1]
    assert torch.equal(keys[made.k_BGTD[0].abs() >= extremes], made.k_BGTD[0][made.k_BGTD[0].abs() >= extremes])
    assert bool((values[0, 50:60, 3] == 1000).all())


def test_attention_rotates_what_is_stored(raw, stored):
    made = raw(300)
    store = KVQuant(4, sample=50).open(made.page.layer)
    made.prompt(store, 290, chunk=290)
    keys, values = stored(store)
    layer, pos = made.page.layer, made.pos_BT[:, None]
    plain = replace(made, page=replace(made.page, layer=replace(layer, rotated=True)))
    plain.k_BGTD = torch.cat([keys[None], made.k_BGTD[:, :, 290:]], 2)
    plain.v_BGTD = torch.cat([values[None], made.v_BGTD[:, :, 290:]], 2)
    plain.k_BGTD = rotate(plain.k_BGTD, pos, layer.rotation)
    plain.q_BHTD = rotate(made.q_BHTD, pos, layer.rotation)
    want = plain.naive({(0, g): list(range(290)) for g in range(2)}, 290, 300)
    torch.testing.assert_close(made.play(store, 290, 300, "token"), want, atol=1e-5, rtol=1e-4)


def test_keys_with_channels_of_their_own_lose_less_un_rotated(raw, stored):
    made, errors = raw(300), []
    made.k_BGTD *= torch.linspace(0.1, 2, 8)
    made.k_BGTD += torch.tensor([0, 20, -20, 0, 0, 0, 5, 10])
    turned = rotate(made.k_BGTD, made.pos_BT[:, None], made.page.layer.rotation)
    for keys in (made.k_BGTD, turned):
        store = KVQuant(3, sample=50).open(made.page.layer)
        replace(made, k_BGTD=keys).prompt(store, 300, chunk=300)
        errors.append(float((stored(store)[0] - keys[0]).square().mean()))
    assert errors[0] < 0.2 * errors[1]


def test_nothing_is_coded_before_there_is_enough_to_fit_to(raw, stored):
    made = raw(140)
    store = KVQuant(3, sinks=1, sample=100).open(made.page.layer)
    made.prompt(store, 20, chunk=20)
    for t in range(20, 140):
        made.play(store, t, t + 1, "token")
        assert torch.equal(stored(store)[0], made.k_BGTD[0, :, : t + 1]) == (t < 100)


def test_going_back_before_the_fit_is_refused_and_changes_nothing(raw):
    made = raw(300)
    store = KVQuant(3, sample=100).open(made.page.layer)
    made.prompt(store, 200, chunk=200)
    made.play(store, 200, 210, "token")
    before = [part.k_BGSD for part in store.read(made.q_BHTD, made.pos_BT)]
    with pytest.raises(NotRewindable, match="rolling back to 190"):
        store.truncate(torch.tensor([190]))
    after = [part.k_BGSD for part in store.read(made.q_BHTD, made.pos_BT)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    store.truncate(torch.tensor([200]))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_bytes_at_500_tokens_are_the_bits_the_outliers_and_the_exact_tokens(raw, bits):
    made = raw(500)
    store = KVQuant(bits, outliers=0.125, sinks=4).open(made.page.layer)
    made.prompt(store, 500, chunk=500)
    exact_only = store.nbytes()
    assert exact_only == 2 * 500 * 16 * 4 + 500 * 4
    store = KVQuant(bits, outliers=0.125, sinks=4, sample=100).open(made.page.layer)
    made.prompt(store, 500, chunk=500)
    codes = 2 * 496 * 16 * bits / 8
    key_outliers = 2 * round(0.0625 * 495) * 16 * 6 + 496 * 4
    value_outliers = 496 * (2 * 1 * 6 + 4) + 496 * 4
    exact = 2 * (4 + SPARE) * 16 * 4
    assert store.nbytes() == codes + key_outliers + value_outliers + exact + 500 * 4


@pytest.fixture(scope="module")
def tap():
    tap = Tap()
    for seed in range(3):
        with Session(tiny(), Method(kv=tap)) as session:
            session.prefill([text(200, seed), text(150, seed + 10)])
    return tap


class TestCalibrated:
    def test_the_tap_holds_every_token_once_without_padding_and_sinks(self, tap):
        tokens = tap.tokens(sinks=2)
        assert sorted(tokens) == [0, 1, 2, 3]
        assert {pair[0].shape for pair in tokens.values()} == {(3 * (198 + 148), 2, 8)}

    def test_a_file_codes_from_the_first_token_on(self, tap, tmp_path):
        policy = KVQuant(4, calibration=str(tmp_path / "fit.safetensors"))
        calibrate(policy.coding, tap.tokens(sinks=1), policy.calibration)
        assert [path.name for path in tmp_path.iterdir()] == ["fit.safetensors"]
        with Session(tiny(), Method(kv=policy)) as session, Session(tiny(), Method(kv=Full())) as full:
            for other in (session, full):
                other.prefill([text(60, 5)])
                got = other.decode(torch.tensor([[3]]))
            assert session.nbytes() < full.nbytes()
            with Session(tiny(), Method(kv=policy)) as again:
                again.prefill([text(60, 5)])
                difference = float((again.decode(torch.tensor([[3]])) - got).abs().max())
        assert 0 < difference < 0.05

    def test_a_calibrated_store_goes_back_as_far_as_its_exact_tokens(self, tap, tmp_path):
        policy = KVQuant(4, calibration=str(tmp_path / "fit.safetensors"))
        calibrate(policy.coding, tap.tokens(), policy.calibration)
        with Session(tiny(), Method(kv=policy)) as session:
            session.prefill([text(100, 5)])
            want = session.decode(torch.tensor([[3, 4]]))
            session.rewind(2)
            torch.testing.assert_close(session.decode(torch.tensor([[3, 4]])), want)

    def test_weights_move_the_levels(self, tap, tmp_path, raw, stored):
        tokens = {0: tap.tokens()[0]}
        k, v = tokens[0]
        late = torch.arange(len(k)) >= len(k) // 2
        weights = {0: tuple(torch.where(late[:, None, None], 1.0, 1e-6).expand_as(x) for x in (k, v))}
        errors = []
        for given in (None, weights):
            policy = KVQuant(2, outliers=0.0, sinks=0, calibration=str(tmp_path / "fit.safetensors"))
            skewed = {0: (k * torch.where(late, 0.2, 1.0)[:, None, None], v)}
            calibrate(policy.coding, skewed, policy.calibration, weights=given)
            made = raw(len(k))
            made = replace(made, k_BGTD=skewed[0][0].transpose(0, 1)[None], v_BGTD=v.transpose(0, 1)[None])
            store = policy.open(made.page.layer)
            made.prompt(store, len(k), chunk=len(k))
            errors.append(float((stored(store)[0] - made.k_BGTD[0])[:, late].square().mean()))
        assert errors[1] < 0.5 * errors[0]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"bits": 2}, "has bits=3 where bits=2 is asked for"),
            ({"outliers": 0.02}, "has outliers=0.01 where outliers=0.02"),
            ({"normalize": True}, "has normalize=false where normalize=true"),
        ],
    )
    def test_a_file_for_other_settings_is_refused(self, tap, tmp_path, wrong, message):
        path = str(tmp_path / "fit.safetensors")
        calibrate(KVQuant().coding, tap.tokens(), path)
        method = Method(kv=KVQuant(calibration=path, **wrong))
        with Session(tiny(), method) as session, pytest.raises(InputError, match=message):
            session.prefill([[3]])

    def test_a_file_for_another_model_is_refused(self, tap, tmp_path):
        path = str(tmp_path / "fit.safetensors")
        calibrate(KVQuant().coding, tap.tokens(), path)
        for model, message in [
            (tiny(num_key_value_heads=4), "is for 16 channels of a layer and this model has 32"),
            (tiny(num_hidden_layers=5), "says nothing about layer 4"),
        ]:
            method = Method(kv=KVQuant(calibration=path))
            with Session(model, method) as session, pytest.raises(InputError, match=message):
                session.prefill([[3]])

    def test_no_file_and_no_calibration_are_refused(self, tape, tmp_path):
        (tmp_path / "damaged").write_bytes(b"no safetensors")
        for name in ("missing", "damaged"):
            with pytest.raises(InputError, match=f"{name} cannot be read as a calibration"):
                KVQuant(calibration=str(tmp_path / name)).open(tape(1).page.layer)

    def test_nothing_to_calibrate_with_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="no tokens of layer 3"):
            calibrate(KVQuant().coding, {3: (torch.empty(0, 2, 8), torch.empty(0, 2, 8))}, tmp_path / "fit")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bits": 5}, "bits is 5; give 2, 3 or 4"),
        ({"bits": 8}, "bits is 8; give 2, 3 or 4"),
        ({"outliers": 0.5}, "outliers is 0.5; give a share from 0"),
        ({"outliers": -0.1}, "outliers is -0.1; give a share from 0"),
        ({"sinks": -1}, "sinks is -1 and residual 0 tokens; give 0 or more"),
        ({"sample": 0}, "sample is 0 tokens; give 1 or more"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        KVQuant(**wrong)


def test_heads_that_fill_no_whole_bytes_are_refused_when_opened(tape):
    with pytest.raises(InputError, match="heads of 20 channels at 3 bits do not fill whole bytes"):
        KVQuant().open(replace(tape(1).page.layer, head_dim=20))
