"""Attention of one layer under a pattern, by the page and by the book, and how much work was done."""

from __future__ import annotations

import torch

from longspan.core import kernel
from longspan.core.attend import Page, attend
from longspan.core.types import KV, Layer, Rotation
from longspan.position.plain import Plain

D = 16


def random(T, S, *, B=1, H=4, G=2, seed=0):
    """Queries, keys and values of S tokens, the last T of which ask."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(B, heads, S, D, generator=generator) for heads in (H, G, G))
    return q[:, :, S - T :], k, v


def layer(q_BHTD, k_BGSD, *, index=0, depth=1, kv_head=0):
    rotation = Rotation(1e4 ** -(torch.arange(D // 2) / (D // 2)))
    H, G = q_BHTD.shape[1], k_BGSD.shape[1]
    return Layer(index, depth, H, G, D, rotation, True, torch.device("cpu"), torch.float32, kv_head=kv_head)


def page(pattern, q_BHTD, k_BGSD, *, scale=D**-0.5, **of_layer):
    return Page(layer(q_BHTD, k_BGSD, **of_layer), Plain(), pattern, scale)


def attended(pattern, q_BHTD, k_BGSD, v_BGSD, *, chunk=10_000, **of_page):
    """What the page makes of it, the queries in chunks of so many: [B, H, T, D]."""
    (B, _, T, _), (_, G, S, _) = q_BHTD.shape, k_BGSD.shape
    outs, of = [], page(pattern, q_BHTD, k_BGSD, **of_page)
    for start in range(0, T, chunk):
        end = min(start + chunk, T)
        seen = S - T + end
        pos_BS = torch.arange(seen).expand(B, seen)
        part = KV(k_BGSD[:, :, :seen], v_BGSD[:, :, :seen], pos_BS[:, None].expand(-1, G, -1), new=end - start)
        outs.append(attend(of, q_BHTD[:, :, start:end], pos_BS[:, seen - (end - start) :], [part]))
    return torch.cat(outs, 2)


def wanted(q_BHTD, k_BGSD, v_BGSD, seen):
    """A masked softmax over all pairs in float64; `seen` [..., T, S] or more axes says which count."""
    shared = q_BHTD.shape[1] // k_BGSD.shape[1]
    k, v = (x.double().repeat_interleave(shared, 1) for x in (k_BGSD, v_BGSD))
    scores = q_BHTD.double() @ k.transpose(-1, -2) * D**-0.5
    return (torch.softmax(scores.masked_fill(~seen, float("-inf")), -1) @ v).float()


def weights(q_BHTD, k_BGSD):
    """Dense attention weights [B, H, T, S]."""
    shared, (T, S) = q_BHTD.shape[1] // k_BGSD.shape[1], (q_BHTD.shape[2], k_BGSD.shape[2])
    scores = q_BHTD @ k_BGSD.repeat_interleave(shared, 1).transpose(-1, -2) * D**-0.5
    return torch.softmax(scores.masked_fill(~causal(T, S), float("-inf")), -1)


def recall(pattern, q_BHTD, k_BGSD):
    """The share of attention that a pattern's choice covers."""
    return float((weights(q_BHTD, k_BGSD) * kept(pattern, q_BHTD, k_BGSD)).sum(-1).mean())


def read_most(keep_ts, queries, size, T, S):
    """Queries whose choice is most of what lies before them keep all of it, as every estimated pattern does."""
    keep_ts, first = keep_ts.clone(), (S - T) // queries
    for t, row in enumerate(keep_ts):
        before = range(-(-(first + t) * queries // size))
        if sum(bool(row[s]) for s in before) >= 0.7 * len(before):
            row[:] = True
    return keep_ts


def planted_block(S, queries, keys):
    """Queries and keys of S tokens that hardly differ, but that some queries attend to some keys."""
    q, k, _ = (0.05 * x for x in random(S, S))
    q[..., 0] = 0
    q[:, :, queries, 0] = 8
    k[:, :, keys, 0] += 8
    return q, k


def planted(S, *, column=None, distance=None, strength=6.0, H=4, G=2):
    """Queries and keys of S tokens such that all attend to one token, or each to the one at a distance from it."""
    generator = torch.Generator().manual_seed(3)
    q, k = (0.1 * torch.randn(1, heads, S, D, generator=generator) for heads in (H, G))
    if column is not None:
        q[..., 0] += strength
        k[:, :, column, 0] += strength
    if distance is not None:
        angle = torch.arange(S)[:, None] * torch.tensor([2.4, 1.1, 0.37, 0.11, 0.031, 0.0093, 0.0028])
        q[..., 1:15] += strength / 2 * torch.cat([angle.cos(), angle.sin()], -1)
        moved = angle + distance * torch.tensor([2.4, 1.1, 0.37, 0.11, 0.031, 0.0093, 0.0028])
        k[..., 1:15] += strength / 2 * torch.cat([moved.cos(), moved.sin()], -1)
    return q, k


def causal(T, S):
    return torch.arange(S) <= torch.arange(S - T, S)[:, None]


def kept(pattern, q_BHTD, k_BGSD, **of_layer):
    """The pairs [B, H, T, S] that a pattern's choice lets count."""
    tiles = pattern.tiles(q_BHTD, k_BGSD, layer(q_BHTD, k_BGSD, **of_layer))
    (B, H, T, _), S = q_BHTD.shape, k_BGSD.shape[2]
    if tiles is None:
        return causal(T, S).expand(B, H, T, S)
    return pairs(tiles.keep_BHts, tiles.queries or tiles.size, tiles.size, T, S).expand(B, H, T, S)


def pairs(keep_BHts, queries, size, T, S):
    """The pairs of a choice of tiles: those of kept ones and a query's own tile of queries, causally."""
    token, first = torch.arange(S), (S - T) // queries
    spread = keep_BHts.repeat_interleave(queries, -2).repeat_interleave(size, -1)[..., :S]
    of_queries = spread[..., S - T - first * queries :, :][..., :T, :]
    own = token // queries == (token[S - T :] // queries)[:, None]
    return (of_queries | own) & causal(T, S)


def count(monkeypatch, run):
    """Pairs of a query and a stored token, of all heads, that the kernels were given."""
    done = []

    def counted(kernel_run):
        def counting(q_BHTD, k_BGSD, *rest, **named):
            done.append(q_BHTD.shape[:3].numel() * k_BGSD.shape[2])
            return kernel_run(q_BHTD, k_BGSD, *rest, **named)

        return counting

    with monkeypatch.context() as patch:
        patch.setattr(kernel, "attention", counted(kernel.attention))
        patch.setattr(kernel, "output", counted(kernel.output))
        run()
    return sum(done)
