"""The fast page gives what the specification gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core import kernel
from longspan.core.attend import Page, Seen, attend
from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Band, Layer, Rotation
from longspan.pattern.dense import Dense
from longspan.position.cache_relative import CacheRelative
from longspan.position.dca import DCA
from longspan.position.plain import Plain
from longspan.position.rerope import ReRoPE
from longspan.position.self_extend import SelfExtend

from . import reference

D = 16


class Few:
    """The first four tokens at one place, the last ten at their own; nothing else is seen."""

    fixed = False

    def bands(self, q_BGT, k_BGS):
        first = Band(torch.full_like(q_BGT, 20), torch.zeros_like(k_BGS), end_BGT=(q_BGT - 9).clamp_max(4))
        return [first, Band(q_BGT, k_BGS, q_BGT - 9)]


class Mixed:
    """A band for each way to place: in groups of pairs, hotter, and blended between whole positions."""

    fixed = False

    def bands(self, q_BGT, k_BGS):
        groups = torch.tensor([1, 3], device=q_BGT.device)
        far = Band(q_BGT[..., None] // groups, k_BGS[..., None] // groups, end_BGT=q_BGT - 20)
        middle = Band(q_BGT, k_BGS, q_BGT - 20, q_BGT - 6, temperature=1.2)
        return [far, middle, Band(q_BGT / 3, k_BGS / 3, q_BGT - 6, blended=True)]


MAPS = {
    "plain": Plain(),
    "self_extend": SelfExtend(group=3, window=10),
    "rerope": ReRoPE(window=9),
    "cache_relative": CacheRelative(),
}
EVERY = {**MAPS, "dca": DCA(chunk=20, local=5), "few": Few(), "mixed": Mixed()}
SHAPES = {"gqa": (8, 2), "mqa": (4, 1), "mha": (2, 2)}
HELD = {"full": {}, "left_padded": {"pads": (0, 3)}, "sliding": {"reach": 11}, "both": {"pads": (5, 1), "reach": 11}}


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    return torch.device(request.param)


def page(positions, heads=(8, 2), *, rotated=False, device="cpu"):
    rotation = Rotation(1e4 ** -(torch.arange(D // 2).float() / (D // 2)), temperature=1.1)
    layer = Layer(0, 1, *heads, D, rotation, rotated, torch.device(device), torch.float32)
    return Page(layer, positions, Dense(), D**-0.5)


def task(T, S, heads=(8, 2), *, pads=(0, 0), reach=0, device="cpu", dtype=torch.float32):
    """Queries that are the last T of S tokens, behind each row's padding."""
    generator = torch.Generator().manual_seed(T * 10_000 + S)
    B, H, G = len(pads), *heads
    q, k, v = (torch.randn(B, n, m, D, generator=generator).to(device, dtype) for n, m in ((H, T), (G, S), (G, S)))
    pos = torch.arange(S) - torch.tensor(pads)[:, None]
    pos = torch.where(pos < 0, EMPTY, pos).to(device)
    part = KV(k, v, pos[:, None].expand(-1, G, -1), new=T, reach=reach, holes=any(pads))
    return q, pos[:, S - T :], part


def cut(part, start, end, **changes):
    k, v, pos = part.k_BGSD[:, :, start:end], part.v_BGSD[:, :, start:end], part.pos_BGS[:, :, start:end]
    return replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, **{"new": max(0, part.new - len(part) + end), **changes})


def same(got, want, atol=2e-5):
    torch.testing.assert_close(got.double(), want.double(), atol=atol, rtol=1e-4)


@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 40), (7, 7), (7, 63), (33, 63), (63, 63)])
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("heads", SHAPES)
@pytest.mark.parametrize("name", MAPS)
def test_every_position_map_equals_the_specification(name, heads, held, T, S, device):
    where = page(MAPS[name], SHAPES[heads], device=device)
    q, q_pos, part = task(T, S, SHAPES[heads], device=device, **HELD[held])
    same(attend(where, q, q_pos, [part]), reference.attend(where, q, q_pos, [part]))


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("name", MAPS)
def test_many_queries_over_more_keys_than_one_run(name, held, device):
    where = page(MAPS[name], (2, 1), device=device)
    q, q_pos, part = task(600, 5000, (2, 1), device=device, **{"pads": (0,), **HELD[held]})
    same(attend(where, q, q_pos, [part]), reference.attend(where, q, q_pos, [part]))


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize(("T", "S"), [(1, 40), (7, 63), (63, 63), (600, 1500)])
def test_keys_rotated_on_write_equal_the_specification(T, S, held, device):
    where = page(Plain(), rotated=True, device=device)
    q, q_pos, part = task(T, S, device=device, **HELD[held])
    same(attend(where, q, q_pos, [part]), reference.attend(where, q, q_pos, [part]))


@pytest.mark.parametrize("name", EVERY)
def test_parts_in_any_order_equal_one(name):
    where = page(EVERY[name])
    q, q_pos, part = task(20, 90, pads=(0, 6))
    pieces = [cut(part, 50, 90), cut(part, 0, 30), cut(part, 30, 50)]
    same(attend(where, q, q_pos, iter(pieces)), attend(where, q, q_pos, [part]))


@pytest.mark.parametrize("name", EVERY)
def test_parts_of_some_rows_and_heads_equal_the_specification(name):
    where = page(EVERY[name])
    q, q_pos, part = task(20, 90, pads=(0, 6))
    near = cut(part, 60, 90)
    first = replace(cut(part, 0, 60), **only(part, slice(0, 1), slice(None), 0, 60), rows=(0, 1))
    ragged = [
        replace(
            cut(part, 0, 1),
            **only(part, slice(1, 2), slice(head, head + 1), 0, end),
            rows=(1, 2),
            heads=(head, head + 1),
        )
        for head, end in ((0, 60), (1, 33))
    ]
    pieces = [near, first, *ragged]
    same(attend(where, q, q_pos, pieces), reference.attend(where, q, q_pos, pieces))


def only(part, rows, heads, start, end):
    names = ("k_BGSD", "v_BGSD", "pos_BGS")
    return {name: getattr(part, name)[rows, heads, start:end] for name in names}


@pytest.mark.parametrize("name", EVERY)
def test_a_row_stored_without_its_padding_equals_itself_padded(name):
    where = page(EVERY[name])
    q, q_pos, part = task(63, 63, pads=(0, 50))
    rows = [
        replace(
            part,
            **only(part, slice(row, row + 1), slice(None), pad, 63),
            new=63 - pad,
            rows=(row, row + 1),
            holes=False,
        )
        for row, pad in ((0, 0), (1, 50))
    ]
    same(attend(where, q, q_pos, rows), attend(where, q, q_pos, [part]))


@pytest.mark.parametrize("rotated", [False, True])
def test_a_row_stored_without_its_padding_may_be_longer_than_a_block(rotated):
    where = page(Plain(), (2, 1), rotated=rotated)
    q, q_pos, part = task(600, 600, (2, 1), pads=(0, 540))
    rows = [
        replace(
            part,
            **only(part, slice(row, row + 1), slice(None), pad, 600),
            new=600 - pad,
            rows=(row, row + 1),
            holes=False,
        )
        for row, pad in ((0, 0), (1, 540))
    ]
    same(attend(where, q, q_pos, rows), reference.attend(where, q, q_pos, [part]))


def test_padding_between_turns_does_not_shorten_a_sliding_window():
    where = page(Plain(), rotated=True)
    q, _, part = task(8, 60, pads=(0, 0), reach=20)
    pos = part.pos_BGS[:, 0].clone()
    pos[1, 30:52] = EMPTY
    pos[1, 52:] = torch.arange(30, 38)
    holed = replace(part, pos_BGS=pos[:, None].expand(-1, 2, -1), holes=True)
    same(attend(where, q, pos[:, 52:], [holed]), reference.attend(where, q, pos[:, 52:], [holed]))


class Shifted:
    """Keys stay where they are; far ones look nearer because the query turns back."""

    fixed = True

    def bands(self, q_BGT, k_BGS):
        return [Band(q_BGT - 5, k_BGS, end_BGT=q_BGT - 11), Band(q_BGT, k_BGS, q_BGT - 11)]


@pytest.mark.parametrize(("T", "S"), [(1, 63), (20, 63), (63, 63), (600, 1300)])
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("name", ["few", "mixed"])
def test_bands_of_every_kind_equal_the_specification(name, held, T, S, device):
    where = page(EVERY[name], device=device)
    q, q_pos, part = task(T, S, device=device, **HELD[held])
    same(attend(where, q, q_pos, [part]), reference.attend(where, q, q_pos, [part]))


class Hot(Shifted):
    """The same, and near tokens count for more."""

    def bands(self, q_BGT, k_BGS):
        far, near = super().bands(q_BGT, k_BGS)
        return [far, replace(near, temperature=1.2)]


@pytest.mark.parametrize("turning", [Shifted(), Hot()], ids=["shifted", "hot"])
def test_a_map_that_turns_only_queries_works_on_keys_rotated_on_write(turning):
    bare, q_pos, part = task(20, 63)
    where = page(turning, rotated=True)
    rotation = where.layer.rotation
    written = replace(part, k_BGSD=rotate(part.k_BGSD, part.pos_BGS, rotation))
    q = rotate(bare, q_pos[:, None], rotation)
    same(attend(where, q, q_pos, [written]), reference.attend(page(turning), bare, q_pos, [part]))


@pytest.mark.parametrize(("T", "most"), [(1, 14), (512, 4 + 9 + 512)])
@pytest.mark.parametrize("S", [3000, 6000])
def test_no_run_reads_stored_tokens_that_none_of_its_queries_sees(S, T, most, monkeypatch):
    """However much is stored, a block of queries is shown no more than its bands hold."""
    given, run = [], kernel.attention
    monkeypatch.setattr(kernel, "attention", lambda q, k, v, **how: given.append(k.shape[2]) or run(q, k, v, **how))
    q, q_pos, part = task(T, S, pads=(0,))
    attend(page(Few()), q, q_pos, [part])
    assert sum(given) == most


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(("T", "S"), [(1, 63), (40, 63), (9, 5000)])
def test_bfloat16_is_as_near_as_its_precision(name, T, S, device):
    where = page(MAPS[name], device=device)
    q, q_pos, part = task(T, S, device=device, dtype=torch.bfloat16)
    got = attend(where, q, q_pos, [part])
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.double(), reference.attend(where, q, q_pos, [part]), atol=0.03, rtol=0.03)


@pytest.mark.parametrize("name", EVERY)
def test_weights_shown_to_a_store_are_those_of_the_output(name):
    where = page(EVERY[name])
    q, q_pos, part = task(20, 90, pads=(0, 6))
    pieces = [cut(part, 50, 90), cut(part, 0, 50)]
    weights = Seen(where, q, q_pos, "chunk").weights(q, q_pos, *pieces)
    values = torch.cat([piece.v_BGSD for piece in pieces], 2).repeat_interleave(4, 1)
    same(weights @ values, reference.attend(where, q, q_pos, pieces))


@pytest.mark.parametrize(("T", "S"), [(1, 9), (5, 1500), (40, 60)])
def test_a_query_that_sees_nothing_gets_zeros_and_no_weight_in_a_merge(T, S, device):
    q, _, part = task(T, S, device=device)
    mask = torch.rand(2, 1, T, S, generator=torch.Generator().manual_seed(0)).to(device) < 0.5
    mask[:, :, -1] = False
    blind = kernel.attention(q, part.k_BGSD, part.v_BGSD, scale=0.3, mask=mask)
    assert torch.equal(blind[0][:, :, -1], torch.zeros_like(blind[0][:, :, -1]))
    assert bool(blind[1][:, :, -1].isneginf().all())
    seeing = kernel.attention(q, part.k_BGSD, part.v_BGSD, scale=0.3, mask=~mask)
    whole = kernel.attention(q, part.k_BGSD, part.v_BGSD, scale=0.3)
    for got, want in zip(kernel.merge([blind, seeing]), whole, strict=True):
        same(got, want)


def test_runs_that_all_see_nothing_merge_to_zeros():
    nothing = torch.zeros(1, 2, 3, D), torch.full((1, 2, 3), float("-inf"))
    out, lse = kernel.merge([nothing, nothing])
    assert torch.equal(out, nothing[0])
    assert torch.equal(lse, nothing[1])
