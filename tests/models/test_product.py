"""A few tokens times a weight matrix, its outputs shared out over threads."""

import pytest
import torch
from tests.models.tiny_model import tiny_model
from torch.nn import functional

from longspan.models import product as module
from longspan.models.product import FEW, Product


@pytest.fixture
def threads(monkeypatch):
    """Let any product be worth so many threads."""

    def some(count):
        monkeypatch.setattr(module, "LEAST", 0)
        monkeypatch.setattr(torch, "get_num_threads", lambda: count)

    return some


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, FEW), (3, 5)])
@pytest.mark.parametrize("biased", [False, True])
def test_it_gives_what_a_linear_layer_gives(threads, count, shape, biased):
    threads(count)
    torch.manual_seed(0)
    x, weight, bias = torch.randn(*shape, 24), torch.randn(16, 24), torch.randn(16) if biased else None
    torch.testing.assert_close(Product(weight, bias)(x), functional.linear(x, weight, bias), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("count", "parts"), [(1, []), (2, [2]), (3, [4]), (4, [4])])
def test_every_thread_gets_a_part(threads, monkeypatch, count, parts):
    threads(count)
    made, plain = [], torch.bmm

    def counted(x, weight):
        made.append(len(weight))
        return plain(x, weight)

    monkeypatch.setattr(torch, "bmm", counted)
    Product(torch.randn(16, 24))(torch.randn(1, 1, 24))
    assert made == parts


def test_no_weight_is_copied(threads, monkeypatch):
    threads(2)
    weight, seen, plain = torch.randn(16, 24), [], torch.bmm

    def watched(x, parts):
        seen.append(parts.untyped_storage().data_ptr())
        return plain(x, parts)

    monkeypatch.setattr(torch, "bmm", watched)
    Product(weight)(torch.randn(1, 1, 24))
    assert seen == [weight.untyped_storage().data_ptr()]


@pytest.mark.parametrize(
    "weight",
    [
        torch.randn(16, 24, dtype=torch.bfloat16),
        torch.randn(15, 24),
        torch.randn(24, 16).t(),
        torch.randn(16, 24, device="meta"),
    ],
    ids=["bfloat16", "odd", "transposed", "elsewhere"],
)
def test_what_cannot_be_shared_out_or_gains_nothing_is_left_to_pytorch(threads, weight):
    threads(2)
    assert Product(torch.randn(16, 24)).shared_out
    assert not Product(weight).shared_out


def test_small_matrices_wake_no_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert not Product(torch.randn(16, 24)).shared_out
    assert Product(torch.randn(576, 576)).shared_out


def test_a_session_decodes_as_without_it(threads):
    def stepped():
        model = tiny_model("qwen2")
        with model.open(length=64) as session:
            session.prefill([list(range(20)), list(range(12))])
            return session.decode(torch.tensor([[3, 4], [5, 6]]))

    expected = stepped()
    threads(2)
    torch.testing.assert_close(stepped(), expected, atol=1e-5, rtol=1e-5)
