"""Linear layers with weights of sixteen bits give what float32 gives, in half the memory."""

import pytest
import torch
from tests.models.tiny_model import saved, tiny_model
from torch import nn
from torch.nn import functional

from longspan.core.errors import InputError
from longspan.models.half import EXACT, Half, HalfLinear, halve, holds, is_halved, multiplies_half, sizes
from longspan.models.model import Model
from longspan.models.precision import PRECISIONS, find_precision
from longspan.models.tiny import FAMILIES
from longspan.plan.shape import Shape

pytestmark = pytest.mark.skipif(not multiplies_half(), reason="PyTorch has FBGEMM on x86 processors only")


def rounded(family="llama", **changes):
    """A tiny model whose weights bfloat16 has."""
    model = tiny_model(family, **changes)
    model.network.to(torch.bfloat16).float()
    return model


def halved(family="llama", **changes):
    model = rounded(family, **changes)
    halve(model.network)
    return model


@pytest.mark.parametrize("shape", [(1,), (1, 1), (2, 7), (63, 1), (500, 3), (0, 2)])
@pytest.mark.parametrize("biased", [False, True])
def test_a_product_is_that_of_float32(shape, biased):
    torch.manual_seed(0)
    weight, bias = torch.randn(37, 19).bfloat16().float(), torch.randn(37) if biased else None
    x = torch.randn(*shape, 19) if shape != (1,) else torch.randn(19)
    torch.testing.assert_close(Half(weight, bias)(x), functional.linear(x, weight, bias), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_reads_and_writes_as_in_float32(family):
    prompts, step = [list(range(3, 40)), list(range(5, 20))], torch.tensor([[3], [4]])
    outs = []
    for model in (rounded(family), halved(family)):
        with model.open(length=64) as session:
            outs.append((session.prefill(prompts), session.decode(step)))
    for ours, theirs in zip(*outs, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_linear_layer_of_a_decoder_is_halved(family):
    network = halved(family).network
    assert not [part for part in network.modules() if type(part) is nn.Linear]
    assert not [name for name, weight in network.named_parameters() if "proj" in name or weight.dtype != torch.float32]


@pytest.mark.parametrize("tied", [True, False])
def test_weights_are_counted_once_and_take_what_is_packed(tied):
    plain, half = rounded(tie_word_embeddings=tied), halved(tie_word_embeddings=tied)
    embedding = plain.network.get_input_embeddings().weight.numel()
    norms = sum(weight.numel() for weight in plain.network.parameters() if weight.dim() == 1)
    assert half.parameters == plain.parameters
    parts = [part for part in plain.network.modules() if type(part) is nn.Linear]
    # 64 and 128 input channels have the room of 512
    assert sizes(half.network)[1] == 4 * (embedding + norms) + sum(2 * part.out_features * 512 for part in parts)


def test_the_weights_can_be_had_back():
    plain, half = rounded("qwen2"), halved("qwen2")
    theirs, ours = plain.network.state_dict(), half.network.state_dict()
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name].float() - theirs[name]).abs().max()) for name in theirs) <= EXACT


def test_weights_that_sixteen_bits_do_not_hold_stay_as_they_are():
    assert holds(torch.randn(8, 8).bfloat16())
    assert holds(torch.tensor([[2.0**-30]]).bfloat16())  # rounded to nothing, by less than the least step
    assert not holds(torch.randn(8, 8))
    assert not holds(torch.tensor([[1e5]]).bfloat16())
    model = rounded()
    wild = model.network.get_decoder().layers[1].self_attn.k_proj
    wild.weight.data[0, 0] = 2.0**17
    halve(model.network)
    kept = [name for name, part in model.network.named_modules() if type(part) is nn.Linear]
    assert kept == [f"model.layers.1.self_attn.{name}_proj" for name in "qkv"]


def test_a_folder_of_bfloat16_is_loaded_so_and_named(tmp_path):
    plain = rounded()
    folder = saved(tmp_path, tiny_model().network.to(torch.bfloat16))
    model = Model.load(folder, device="cpu", dtype="w16a32")
    assert (model.dtype, model.network.dtype, is_halved(model.network)) == ("w16a32", torch.float32, True)
    assert Model.load(folder, device="cpu", dtype="float32").dtype == "float32"
    ids = torch.tensor([[5, 6, 7]])
    torch.testing.assert_close(model.network(ids).logits, plain.network(ids).logits, atol=1e-4, rtol=1e-4)


def test_a_folder_tells_the_bytes_that_the_loaded_model_has(tmp_path):
    folder = saved(tmp_path, tiny_model().network.to(torch.bfloat16))
    loaded = Shape.of(Model.load(folder, device="cpu", dtype="w16a32"))
    read = Shape.read(folder, PRECISIONS["w16a32"])
    assert loaded.weight_bytes == pytest.approx(read.weight_bytes, rel=0.01)  # norms apart
    assert (loaded.bytes_per_weight, loaded.bytes_per_value) == (read.bytes_per_weight, read.bytes_per_value) == (2, 4)


def test_layers_that_read_the_same_input_share_a_product_and_any_of_them_may_be_called_alone():
    model, plain = halved(), rounded()
    ours, theirs = (each.network.get_decoder().layers[0].self_attn for each in (model, plain))
    x = torch.randn(2, 5, 64)
    for name in ("k_proj", "q_proj", "k_proj", "v_proj", "v_proj"):
        part = getattr(ours, name)
        assert isinstance(part, HalfLinear)
        torch.testing.assert_close(part(x), getattr(theirs, name)(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.q_proj(x[0, 0]), theirs.q_proj(x[0, 0]), atol=1e-5, rtol=1e-5)


def test_an_unsuitable_device_is_refused():
    with pytest.raises(InputError, match="w16a32 needs PyTorch's FBGEMM, which meta here has not"):
        find_precision("w16a32", torch.device("meta"))
