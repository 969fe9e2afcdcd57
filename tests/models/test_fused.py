"""Projections that share a product while a session decodes."""

import pytest
import torch
from tests.models.tiny_model import tiny_model
from torch.nn import functional

from longspan.models import fused
from longspan.models.tiny import FAMILIES


@pytest.fixture
def products(monkeypatch):
    """How many matrix products with how many rows of weights were made."""
    made, plain = [], functional.linear

    def counted(x, weight, bias=None):
        made.append(len(weight))
        return plain(x, weight, bias)

    monkeypatch.setattr(functional, "linear", counted)
    return made


def stepped(model):
    with model.open(length=64) as session:
        session.prefill([list(range(20))])
        return session.decode(torch.tensor([[3]]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_gives_what_separate_products_give(family, monkeypatch):
    expected = stepped(tiny_model(family))
    monkeypatch.setattr(fused, "FEW", 0)
    torch.testing.assert_close(stepped(tiny_model(family)), expected, atol=1e-5, rtol=1e-5)


def test_a_decoded_token_takes_one_product_for_queries_keys_and_values_and_one_for_both_halves_of_the_gate(products):
    model = tiny_model("llama")
    layers = len(model.network.get_decoder().layers)
    with model.open(length=64) as session:
        session.prefill([list(range(20))])
        products.clear()
        session.decode(torch.tensor([[3]]))
    assert len(products) == 4 * layers + 1
    assert products[:2] == [64 + 2 * 16, 64]


def test_biases_are_added(products):
    model = tiny_model("qwen2")
    for layer in model.network.get_decoder().layers:
        torch.nn.init.normal_(layer.self_attn.k_proj.bias)
    before = [layer.self_attn.k_proj.bias.clone() for layer in model.network.get_decoder().layers]
    stepped(model)
    after = [layer.self_attn.k_proj.bias for layer in model.network.get_decoder().layers]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert 64 + 2 * 16 in products


def test_no_weight_is_held_twice_nor_copied_again():
    model = tiny_model("llama")
    stepped(model)
    attention = model.network.get_decoder().layers[0].self_attn
    storages = {getattr(attention, name).weight.untyped_storage().data_ptr() for name in ("q_proj", "k_proj", "v_proj")}
    assert len(storages) == 1
    assert attention.q_proj.weight.untyped_storage().nbytes() == (64 + 2 * 16) * 64 * 4
    stepped(model)
    assert storages == {attention.q_proj.weight.untyped_storage().data_ptr()}


def test_others_use_the_model_as_it_was():
    model = tiny_model("llama")
    tokens = torch.tensor([[1, 2, 3]])
    before = model.network(tokens).logits
    with model.open(length=64) as session:
        session.prefill([[1, 2]])
        loss = model.network(tokens).logits.sum()
        loss.backward()
        key = model.network.get_decoder().layers[0].self_attn.k_proj
        assert key.weight.grad.abs().sum() > 0
        assert key(torch.ones(64)).shape == (16,)  # a single vector too
    assert "forward" not in vars(model.network.get_decoder().layers[0].mlp.up_proj)
    torch.testing.assert_close(model.network(tokens).logits, before)


def test_weights_that_were_replaced_meanwhile_are_those_that_count():
    model = tiny_model("llama")
    with model.open(length=64) as session:
        session.prefill([list(range(20))])
        with torch.no_grad():
            for name, weight in model.network.named_parameters():
                if "_proj" in name:
                    weight.data = torch.zeros_like(weight)
        found = session.decode(torch.tensor([[3]]))
    hidden = model.network.get_decoder().norm(model.network.get_input_embeddings()(torch.tensor([[3]])))
    torch.testing.assert_close(found, model.network.get_output_embeddings()(hidden).float())
