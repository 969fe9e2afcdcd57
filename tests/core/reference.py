"""The specification of attention: every pair by itself, in float64, with no thought of speed."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.core.attend import Page
from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Band, Rotation, Tiles


def attend(page: Page, q_BHTD: Tensor, q_BT: Tensor, parts: list[KV], tiles: Tiles | None = None) -> Tensor:
    """Masked softmax over all stored tokens of all parts: float64 [B, H, T, D].

    Keys and queries are as projected, or both rotated at their true positions where the layer says so.
    """
    k_BHSD, v_BHSD, pos_BHS, reach_S = _one(page, q_BHTD, parts)
    q_BHTD, q_BHT = q_BHTD.double(), q_BT[:, None].expand(-1, q_BHTD.shape[1], -1)
    rotation, rotated = page.layer.rotation, page.layer.rotated
    logits = q_BHTD.new_full((*q_BHTD.shape[:3], k_BHSD.shape[2]), float("nan"))
    q, k = q_BHT[..., None], pos_BHS[:, :, None]
    claimed = torch.zeros_like(logits, dtype=torch.bool)
    for band in page.positions.bands(q_BHT, pos_BHS):
        if rotated:
            turned_q, turned_k = q_BHTD, k_BHSD
        else:
            turned_q, turned_k = rotate(q_BHTD, band.q_BGT, rotation), _keys(k_BHSD, band, rotation)
        scores = torch.einsum("bhtd,bhsd->bhts", turned_q, turned_k) * page.scale * band.temperature**2
        here = belongs(band, q, k)
        assert not bool((here & claimed).any()), "a pair is in two bands"
        logits, claimed = torch.where(here, scores, logits), claimed | here
    seen = claimed & (k != EMPTY) & (q - k < reach_S)
    if tiles is not None:
        seen = seen & _kept(tiles, *seen.shape[2:])
    weights = torch.softmax(logits.masked_fill(~seen, float("-inf")), -1).nan_to_num(0.0)
    return torch.einsum("bhts,bhsd->bhtd", weights, v_BHSD)


def belongs(band: Band, q: Tensor, k: Tensor) -> Tensor:
    """Which pairs of true positions of queries [..., T, 1] and keys [..., 1, S] a band holds for."""
    here = k <= q
    if band.first_BGT is not None:
        here = here & (k >= band.first_BGT[..., None])
    return here if band.end_BGT is None else here & (k < band.end_BGT[..., None])


def _keys(k_BHSD: Tensor, band: Band, rotation: Rotation) -> Tensor:
    if not band.blended:
        return rotate(k_BHSD, band.k_BGS, rotation)
    share = (band.k_BGS - band.k_BGS.floor())[..., None]
    return (
        rotate(k_BHSD, band.k_BGS.floor(), rotation) * (1 - share) + rotate(k_BHSD, band.k_BGS.ceil(), rotation) * share
    )


def _one(page: Page, q_BHTD: Tensor, parts: list[KV]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All parts as one, a head of keys for each head of queries; rows and heads that a part lacks are EMPTY."""
    B, H, G, D = q_BHTD.shape[0], q_BHTD.shape[1], page.layer.num_kv_heads, q_BHTD.shape[3]
    total = sum(len(part) for part in parts)
    k, v = (torch.zeros(B, G, total, D, dtype=torch.float64, device=q_BHTD.device) for _ in range(2))
    pos = torch.full((B, G, total), EMPTY, device=q_BHTD.device)
    reach, start = [], 0
    for part in parts:
        rows, heads = slice(*(part.rows or (0, B))), slice(*(part.heads or (0, G)))
        here = slice(start, start + len(part))
        k[rows, heads, here], v[rows, heads, here], pos[rows, heads, here] = part.k_BGSD, part.v_BGSD, part.pos_BGS
        reach += [part.reach or 1 << 60] * len(part)
        start += len(part)
    k, v, pos = (x.repeat_interleave(H // G, 1) for x in (k, v, pos))
    return k, v, pos, torch.tensor(reach, device=q_BHTD.device)


def _kept(tiles: Tiles, T: int, S: int) -> Tensor:
    """The mask [B, H, T, S] of what the tiles let through, for T queries that are the last of S stored tokens."""
    tile_S = torch.arange(S) // tiles.size
    tile_T = tile_S[S - T :]
    kept = tiles.keep_BHts[:, :, tile_T - tile_T[0]][..., tile_S]
    return kept | (tile_T[:, None] == tile_S)
