"""Attention of few queries over many tokens, in every way that a processor may be given it."""

import pytest
import torch
from torch.nn import functional

from longspan.core import kernel
from longspan.core.processor import multiplies_bfloat16


@pytest.fixture
def able(monkeypatch):
    """Let the processor multiply bfloat16 in hardware, or not."""

    def say(yes):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": yes}, raising=False)

    return say


def drawn(T, S, dtype, *, B=2, H=6, G=2, D=16):
    torch.manual_seed(0)
    return [torch.randn(B, heads, count, D).to(dtype) for heads, count in ((H, T), (G, S), (G, S))]


def expected(q, k, v, mask=None):
    """Output and log-sum-exp by the formula."""
    k, v = (x.double().repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = q.double() @ k.mT * 0.25
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return (torch.softmax(scores, -1).nan_to_num(0.0) @ v).float(), torch.logsumexp(scores, -1).float()


@pytest.mark.parametrize("hardware", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("stored", [5, kernel.LONG - 1, kernel.LONG])
@pytest.mark.parametrize("T", [1, kernel.FEW, kernel.FEW + 1])
def test_few_queries_see_what_the_formula_says(able, hardware, dtype, stored, T):
    able(hardware)
    q, k, v = drawn(T, stored, dtype)
    close = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 2e-2, "rtol": 2e-2}
    out, lse = expected(q, k, v)
    torch.testing.assert_close(kernel.output(q, k, v, scale=0.25).float(), out, **close)
    got, got_lse = kernel.attention(q, k, v, scale=0.25)
    torch.testing.assert_close(got.float(), out, **close)
    torch.testing.assert_close(got_lse, lse, **close)


@pytest.mark.parametrize("hardware", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (2, 1, 3), (1, 6, 1), (2, 6, 3)])
def test_a_mask_of_any_shape_counts_and_who_sees_nothing_gets_zeros(able, hardware, dtype, shape):
    able(hardware)
    q, k, v = drawn(3, kernel.LONG, dtype)
    mask = torch.rand(*shape, kernel.LONG) < 0.5
    mask[-1, -1, -1] = False
    close = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 2e-2, "rtol": 2e-2}
    out, lse = expected(q, k, v, mask)
    got, got_lse = kernel.attention(q, k, v, scale=0.25, mask=mask)
    torch.testing.assert_close(got.float(), out, **close)
    torch.testing.assert_close(got_lse, lse, **close)


@pytest.mark.parametrize(
    ("dtype", "hardware", "fused"),
    [(torch.float32, True, True), (torch.bfloat16, False, True), (torch.bfloat16, True, False)],
)
def test_products_take_over_only_where_bfloat16_is_multiplied_in_hardware(able, monkeypatch, dtype, hardware, fused):
    able(hardware)
    calls, plain = [], functional.scaled_dot_product_attention
    monkeypatch.setattr(
        functional, "scaled_dot_product_attention", lambda *x, **named: (calls.append(1), plain(*x, **named))[1]
    )
    kernel.output(*drawn(1, kernel.LONG, dtype), scale=0.25)
    assert bool(calls) == fused


@pytest.mark.parametrize(
    ("named", "able"), [({}, False), ({"avx2": True}, False), ({"amx_bf16": True}, True), ({"bf16": True}, True)]
)
def test_what_a_processor_says_of_itself_is_believed(monkeypatch, named, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: named, raising=False)
    assert multiplies_bfloat16() == able
