"""What every pattern keeps to, found from its file, and what the page makes of any choice of tiles."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from tests.position import naive
from tests.position.runs import CLOSE, model, read, text

from longspan.core.attend import Page, attend
from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import KV, Layer, Rotation, Tiles
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.pattern.dense import Dense
from longspan.position.plain import Plain

FAMILIES = ["llama", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "pattern"}
TIGHT = {"a_shape": "sinks=9,local=20,tile=8"}
"""Settings under which a text of 63 tokens is long; as published all of it is kept."""
D = 16


def tight(name):
    return build("pattern", ":".join(filter(None, [name, TIGHT.get(name, "")])))


def outputs(pattern, q_BHTD, k_BGSD, v_BGSD):
    """Attention over a prompt's tokens, the last T of S being this call's: [B, H, T, D]."""
    (B, H, T, _), (_, G, S, _) = q_BHTD.shape, k_BGSD.shape
    rotation = Rotation(1e4 ** -(torch.arange(D // 2) / (D // 2)))
    layer = Layer(0, 1, H, G, D, rotation, True, torch.device("cpu"), torch.float32)
    pos_BS = torch.arange(S).expand(B, S)
    part = KV(k_BGSD, v_BGSD, pos_BS[:, None].expand(-1, G, -1), new=T)
    return attend(Page(layer, Plain(), pattern, D**-0.5), q_BHTD, pos_BS[:, S - T :], [part])


@dataclass(frozen=True)
class Chosen:
    """Keeps every third tile or so, others for each head and, where told, for each row."""

    tile: int
    heads: int
    rows: int = 1
    everything: bool = False

    def kept(self, row, head, of_query, of_key):
        return self.everything or (5 * row + 3 * head + 2 * of_query + of_key) % 3 == 0

    def tiles(self, q_BHTD, k_BGSD, layer):
        T, S = q_BHTD.shape[2], k_BGSD.shape[2]
        queries, keys = range((S - T) // self.tile, -(-S // self.tile)), range(-(-S // self.tile))
        keep = [
            [[[self.kept(b, h, t, s) for s in keys] for t in queries] for h in range(self.heads)]
            for b in range(self.rows)
        ]
        return Tiles(torch.tensor(keep), self.tile)

    def seen(self, n, row=0):
        """The mask [H, n, n] that the choice means for one row."""
        tiles = range(-(-n // self.tile))
        keep = torch.tensor(
            [[[s == t or self.kept(row, h, t, s) for s in tiles] for t in tiles] for h in range(self.heads)]
        )
        return keep.repeat_interleave(self.tile, 1).repeat_interleave(self.tile, 2)[:, :n, :n] & naive.causal(n)


@pytest.mark.parametrize(("T", "S"), [(63, 63), (20, 63), (40, 63), (500, 500)])
@pytest.mark.parametrize("name", METHODS)
def test_no_query_reads_a_later_token(name, T, S):
    """Values of later tokens, and only values, are changed: they choose no tiles and may reach no earlier query."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, n, m, D, generator=generator) for n, m in ((8, T), (2, S), (2, S)))
    before = outputs(tight(name), q, k, v)
    for cut in {S - T + 1, S - T + T // 2, S - 1}:
        changed = v.clone()
        changed[:, :, cut:] += 100
        after = outputs(tight(name), q, k, changed)
        assert torch.equal(after[:, :, : cut - S + T], before[:, :, : cut - S + T])
        assert bool((after[:, :, cut - S + T :] != before[:, :, cut - S + T :]).any(-1).all())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_text_that_is_kept_whole_is_read_as_by_dense_attention(name, family):
    own, rows = tiny(family, initializer_range=0.05), [text(63), text(40, seed=1)]
    got = read(own, rows, reply=3, chunk=16, pattern=build("pattern", name))
    torch.testing.assert_close(got, read(own, rows, reply=3, pattern=Dense()), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_batch_of_two_equals_two_runs(name, family):
    own = tiny(family, initializer_range=0.05)
    for rows in ([text(63), text(63, seed=1)], [text(63), text(40, seed=1)]):
        together = read(own, rows, reply=3, pattern=tight(name))
        for row, got in zip(rows, together, strict=True):
            torch.testing.assert_close(got[None], read(own, [row], reply=3, pattern=tight(name)), **CLOSE)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(name):
    own, tokens = model(), torch.tensor([text(63)])
    with torch.no_grad():
        before = own(tokens).logits
        first = read(own, tokens.tolist(), reply=3, pattern=tight(name))
        assert torch.equal(own(tokens).logits, before)
    assert torch.equal(first, read(own, tokens.tolist(), reply=3, pattern=tight(name)))


@pytest.mark.parametrize("name", METHODS)
def test_a_prompt_of_one_token_is_read(name):
    own = model()
    got = read(own, [[7, 8, 9]], reply=2, pattern=tight(name))
    torch.testing.assert_close(got, read(own, [[7, 8, 9]], reply=2, pattern=Dense()), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 13])
@pytest.mark.parametrize("tile", [1, 7, 16, 64])
def test_tiles_that_are_all_kept_are_dense(tile, chunk):
    own, rows = model(), [text(63), text(40, seed=1)]
    got = read(own, rows, reply=3, chunk=chunk, pattern=Chosen(tile, 1, everything=True))
    torch.testing.assert_close(got, read(own, rows, reply=3, pattern=Dense()), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 13])
@pytest.mark.parametrize("tile", [5, 8])
def test_each_head_may_choose_its_own_tiles(tile, chunk):
    own, rows, chosen = model(), [text(63), text(40, seed=1)], Chosen(tile, heads=8)
    got = read(own, rows, reply=0, chunk=chunk, pattern=chosen)
    for row, logits in zip(rows, got, strict=True):
        want = naive.logits(own, row, naive.distances(len(row), lambda i, j: i - j), chosen.seen(len(row)))
        torch.testing.assert_close(logits[0], want[-1].float(), **CLOSE)


@pytest.mark.parametrize("heads", [1, 8])
def test_each_row_may_choose_its_own_tiles(heads):
    own, rows, chosen = model(), [text(63), text(63, seed=1)], Chosen(8, heads, rows=2)
    got = read(own, rows, reply=0, chunk=20, pattern=chosen)
    for index, row in enumerate(rows):
        mask = chosen.seen(63, index)
        want = naive.logits(own, row, naive.distances(63, lambda i, j: i - j), mask.expand(8, -1, -1))
        torch.testing.assert_close(got[index, 0], want[-1].float(), **CLOSE)


@pytest.mark.parametrize("chunk", [62, 31, 1])
def test_a_last_chunk_of_one_token_is_still_the_prompt(chunk):
    own, row, chosen = model(), text(63), Chosen(8, heads=1)
    got = read(own, [row], reply=0, chunk=chunk, pattern=chosen)
    torch.testing.assert_close(got, read(own, [row], reply=0, pattern=chosen), **CLOSE)


def test_several_tokens_decoded_at_once_equal_one_by_one():
    own, row, chosen = model(), text(63), Chosen(8, heads=1)
    one_by_one = read(own, [row], reply=5, pattern=chosen)
    with Session(own, Method(pattern=chosen)) as session:
        prompt = session.prefill([row[:58]])[:, None]
        at_once = torch.cat([prompt, session.decode(torch.tensor([row[58:]]))], 1)
    torch.testing.assert_close(at_once, one_by_one, **CLOSE)
