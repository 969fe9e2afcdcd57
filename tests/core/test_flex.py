"""FlexAttention over chosen tiles: on the CPU by its uncompiled form, on a CUDA device compiled."""

from dataclasses import replace

import pytest
import torch

from longspan.core import flex
from longspan.core.types import Tiles

D = 16
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without")


CASES = (
    ("past", "T", "size", "step", "heads"),
    [
        (0, 300, 64, 0, 4),
        (0, 512, 128, 0, 1),
        (256, 300, 64, 0, 4),
        (200, 131, 64, 0, 4),
        (130, 270, 32, 64, 4),
        (100, 290, 128, 32, 1),
        (7, 150, 16, 16, 4),
        (384, 128, 256, 0, 4),
    ],
)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    return torch.device(request.param)


def drawn(T, S, device, heads=(4, 2), rows=1):
    generator = torch.Generator().manual_seed(T * 10_000 + S)
    sizes = [(heads[0], T), (heads[1], S), (heads[1], S)]
    return [torch.randn(rows, n, m, D, generator=generator).to(device) for n, m in sizes]


def plain(q, k, v, seen, scale):
    shared = q.shape[1] // k.shape[1]
    scores = q @ k.repeat_interleave(shared, 1).transpose(-1, -2) * scale
    scores = scores.masked_fill(~seen, float("-inf"))
    return scores.softmax(-1) @ v.repeat_interleave(shared, 1), scores.logsumexp(-1)


def chosen(past, T, size, step, heads):
    queries = step or size
    count = (past + T - 1) // queries - past // queries + 1
    generator = torch.Generator().manual_seed(past + T)
    return Tiles(torch.rand(1, heads, count, -(-(past + T) // size), generator=generator) < 0.4, size, step)


def listed(counts_BHr, indices_BHrc, columns):
    blocks = torch.zeros(*indices_BHrc.shape[:3], columns, dtype=torch.bool)
    first = torch.arange(columns) < counts_BHr[..., None]
    return blocks.scatter(-1, indices_BHrc.long(), first)


def pairs(tiles, past, T, S):
    """What each query sees, by the words of `Tiles`, one pair at a time."""
    size, step, keep = tiles.size, tiles.queries or tiles.size, tiles.keep_BHts
    seen = torch.zeros(*keep.shape[:2], T, S, dtype=torch.bool)
    for t in range(T):
        own = (past + t) // step
        for s in range(past + t + 1):
            seen[:, :, t, s] = True if s >= own * step else keep[:, :, own - past // step, s // size]
    return seen


@pytest.mark.parametrize(CASES[0], CASES[1])
def test_sees_the_kept_tiles_and_its_own(past, T, size, step, heads, device):
    S, tiles = past + T, chosen(past, T, size, step, heads)
    q, k, v = drawn(T, S, device)

    out, lse = flex.tiled(q, k, v, replace(tiles, keep_BHts=tiles.keep_BHts.to(device)), past=past, scale=0.3)

    expected, expected_lse = plain(q.cpu(), k.cpu(), v.cpu(), pairs(tiles, past, T, S), 0.3)
    torch.testing.assert_close(out.cpu(), expected, atol=2e-3 if device.type == "cuda" else 1e-5, rtol=1e-3)
    torch.testing.assert_close(lse.cpu(), expected_lse, atol=2e-3 if device.type == "cuda" else 1e-5, rtol=1e-3)


@pytest.mark.parametrize(CASES[0], CASES[1])
def test_blocks_hold_all_that_is_seen_and_whole_ones_nothing_else(past, T, size, step, heads):
    S, tiles = past + T, chosen(past, T, size, step, heads)
    seen = pairs(tiles, past, T, S)
    pad = past % flex.BLOCK
    mask = flex._mask(tiles, past - pad, past, (pad + T, S))
    read, whole = (
        listed(counts, indices, -(-S // flex.BLOCK))
        for counts, indices in (
            (mask.kv_num_blocks, mask.kv_indices),
            (mask.full_kv_num_blocks, mask.full_kv_indices),
        )
    )
    assert not (read & whole).any()

    def spread(blocks):
        fine = blocks.repeat_interleave(flex.BLOCK, 2).repeat_interleave(flex.BLOCK, 3)
        return fine[:, :, pad : pad + T, :S]

    assert not (seen & ~spread(read | whole)).any()
    assert not (spread(whole) & ~seen).any()


@pytest.mark.parametrize(("T", "S", "causal"), [(300, 300, True), (1, 40, False), (70, 200, False)])
def test_sees_everything_or_what_lies_before(T, S, causal, device):
    q, k, v = drawn(T, S, device, rows=2)

    out, lse = flex.attention(q, k, v, scale=0.25, causal=causal)

    seen = torch.ones(T, S, dtype=torch.bool)
    expected, expected_lse = plain(q.cpu(), k.cpu(), v.cpu(), seen.tril() if causal else seen, 0.25)
    torch.testing.assert_close(out.cpu(), expected, atol=2e-3 if device.type == "cuda" else 1e-5, rtol=1e-3)
    torch.testing.assert_close(lse.cpu(), expected_lse, atol=2e-3 if device.type == "cuda" else 1e-5, rtol=1e-3)


def test_blocks_without_a_kept_tile_are_not_read():
    keep = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    keep[0, 0, 6, 1] = True
    mask = flex._mask(Tiles(keep, 128), 0, 0, (1024, 1024))

    assert mask.kv_num_blocks.flatten().tolist() == [1] * 8  # its own
    assert mask.full_kv_num_blocks.flatten().tolist() == [0] * 6 + [1, 0]
    assert mask.full_kv_indices[0, 0, 6, 0] == 1
