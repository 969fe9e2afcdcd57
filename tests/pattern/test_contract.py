"""What every pattern keeps to, found from its file, and what the page makes of any choice of tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from tests.pattern.attention import attended, kept, page, random, wanted
from tests.position import naive
from tests.position.runs import CLOSE, model, read, text

from longspan.core import kernel
from longspan.core.attend import attend
from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import KV, Tiles
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.pattern.dense import Dense
from longspan.position.self_extend import SelfExtend

FAMILIES = ["llama", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "pattern"}
TIGHT = {
    "a_shape": "sinks=9,local=20,tile=8",
    "flexprefill": "gamma=0.4,least=0,tile=4",
    "hip": "budget=8,queries=4,sinks=2,local=4,layer=0",
    "longgen": "sinks=3,local=9,stride=3,tile=4",
    "minference": "vertical=3,slash=4,last=8,sinks=2,near=2,tile=8,grain=4",
    "swaa": "window=9,sinks=3,tile=4",
    "tri_shape": "sinks=3,local=9,last=6,tile=4",
    "xattention": "stride=2,threshold=0.5,tile=4",
}
"""Settings under which a text of 63 tokens is long; as published all of it is kept."""


def tight(name):
    return build("pattern", ":".join(filter(None, [name, TIGHT.get(name, "")])))


@dataclass(frozen=True)
class Chosen:
    """Keeps every third tile or so, others for each head and, where told, for each row."""

    tile: int
    heads: int
    rows: int = 1
    everything: bool = False
    looks = False

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
    q, k, v = random(T, S, B=2, H=8)
    before = attended(tight(name), q, k, v)
    for cut in {S - T + 1, S - T + T // 2, S - 1}:
        changed = v.clone()
        changed[:, :, cut:] += 100
        after = attended(tight(name), q, k, changed)
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


class Looking:
    """Keeps every second tile, and what it was shown."""

    looks = True

    def __init__(self):
        self.shown = []

    def tiles(self, q_BHTD, k_BGSD, layer):
        self.shown.append((q_BHTD, k_BGSD, layer))
        t = -(-k_BGSD.shape[2] // 8) - (k_BGSD.shape[2] - q_BHTD.shape[2]) // 8
        return Tiles((torch.arange(-(-k_BGSD.shape[2] // 8)) % 2 == 0).expand(1, 1, t, -1), 8)


def test_a_pattern_that_looks_sees_each_padded_row_alone():
    own, rows = model(num_hidden_layers=1), [text(63), text(40, seed=1)]
    alone, together = Looking(), Looking()
    for row in rows:
        read(own, [row], reply=0, pattern=alone)
    got = read(own, rows, reply=0, pattern=together)
    assert len(together.shown) == 2
    for (q, k, _), (own_q, own_k, _) in zip(together.shown, alone.shown, strict=True):
        torch.testing.assert_close(q, own_q)
        torch.testing.assert_close(k, own_k)
    for row, logits in zip(rows, got, strict=True):
        torch.testing.assert_close(logits[None], read(own, [row], reply=0, pattern=Looking()), **CLOSE)


def test_a_pattern_that_looks_is_shown_true_positions_where_keys_are_stored_raw():
    own, row = model(num_hidden_layers=1), text(63)
    plain, moved = Looking(), Looking()
    read(own, [row], reply=0, chunk=20, pattern=plain)
    read(own, [row], reply=0, chunk=20, pattern=moved, positions=SelfExtend(group=3, window=10))
    for (q, k, layer), (moved_q, moved_k, moved_layer) in zip(plain.shown, moved.shown, strict=True):
        assert (layer.rotated, moved_layer.rotated) == (True, False)
        torch.testing.assert_close(moved_q, q, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(moved_k, k, atol=1e-4, rtol=1e-4)


def test_a_pattern_that_looks_is_shown_queries_that_make_logits():
    q, k, v = random(40, 40)
    shown = []
    for scale in (16**-0.5, 0.5):
        pattern = Looking()
        attended(pattern, q, k, v, scale=scale)
        shown.append(pattern.shown[0][0])
    assert torch.equal(shown[0], q)
    torch.testing.assert_close(shown[1], q * 2)


def test_a_pattern_is_told_which_heads_it_is_shown():
    q, k, v = random(40, 40, H=8, G=4)
    pos_BGS = torch.arange(40).expand(1, 2, 40)
    parts = [KV(k[:, g : g + 2], v[:, g : g + 2], pos_BGS, new=40, heads=(g, g + 2)) for g in (0, 2)]
    pattern, whole = Looking(), Looking()
    got = attend(page(pattern, q, k), q, torch.arange(40)[None], parts)
    torch.testing.assert_close(got, attended(whole, q, k, v), **CLOSE)
    assert [(layer.kv_head, layer.num_kv_heads, layer.num_heads) for _, _, layer in pattern.shown] == [
        (0, 2, 4),
        (2, 2, 4),
    ]


@pytest.mark.parametrize(("queries", "size"), [(8, 2), (4, 16), (8, 1), (6, 4)])
@pytest.mark.parametrize("chunk", [512, 13])
def test_tiles_of_queries_and_of_stored_tokens_may_differ(queries, size, chunk):
    q, k, v = random(63, 63, B=2)

    class Oblong:
        looks = False

        def tiles(self, q_BHTD, k_BGSD, layer):
            t = torch.arange((k_BGSD.shape[2] - q_BHTD.shape[2]) // queries, -(-k_BGSD.shape[2] // queries))
            s, head = torch.arange(-(-k_BGSD.shape[2] // size)), torch.arange(4)
            return Tiles(((t[:, None] + s + head[:, None, None]) % 3 == 0)[None], size, queries)

    mask = kept(Oblong(), q, k)
    torch.testing.assert_close(attended(Oblong(), q, k, v, chunk=chunk), wanted(q, k, v, mask), **CLOSE)


def test_a_head_that_keeps_all_its_tiles_is_read_in_one_run(monkeypatch):
    q, k, v = random(64, 64)

    class Half:
        looks = False

        def tiles(self, q_BHTD, k_BGSD, layer):
            return Tiles((torch.arange(4) < 2)[None, :, None, None].expand(1, 4, 16, 16), 4)

    seen = []
    run = kernel.attention
    monkeypatch.setattr(
        kernel, "attention", lambda q, *rest, **named: (seen.append(q.shape[2]), run(q, *rest, **named))[1]
    )
    torch.testing.assert_close(attended(Half(), q, k, v), wanted(q, k, v, kept(Half(), q, k)), **CLOSE)
    assert seen.count(64) == 2
    assert set(seen) == {64, 4}


@pytest.mark.parametrize("name", METHODS)
def test_a_second_turn_reads_as_a_second_chunk_and_so_does_one_after_rolling_back(name):
    own, row = model(), text(63)
    chunks = read(own, [row[:48]], reply=0, chunk=24, pattern=tight(name))[:, 0]
    with Session(own, Method(pattern=tight(name))) as session:
        session.prefill([row[:24]])
        turns = session.prefill([row[24:48]])
        session.rewind(24)
        again = session.prefill([row[24:48]])
    torch.testing.assert_close(turns, chunks, **CLOSE)
    torch.testing.assert_close(again, turns, **CLOSE)


@pytest.mark.parametrize("name", METHODS)
def test_a_turn_after_eviction_reads_what_each_head_kept(name):
    own, rows = model(), [text(63), text(40, seed=1)]
    logits = []
    for pattern in (build("pattern", name), Dense()):
        method = replace(Method.parse("kv=snapkv:budget=24,window=8,split=adakv"), pattern=pattern)
        with Session(own, method) as session:
            session.prefill(rows)
            logits.append(session.prefill([text(30, seed=2), text(20, seed=3)]))
    torch.testing.assert_close(*logits, **CLOSE)


@pytest.mark.parametrize("name", METHODS)
def test_a_turn_after_eviction_reads_each_row_as_if_alone(name):
    own, rows, turns = model(), [text(63), text(40, seed=1)], [text(30, seed=2), text(20, seed=3)]
    method = replace(Method.parse("kv=snapkv:budget=24,window=8,split=adakv"), pattern=tight(name))
    with Session(own, method) as session:
        session.prefill(rows)
        together = session.prefill(turns)
    for row, turn, got in zip(rows, turns, together, strict=True):
        with Session(own, method) as session:
            session.prefill([row])
            torch.testing.assert_close(got[None], session.prefill([turn]), **CLOSE)


@pytest.mark.parametrize("name", sorted(name for name, entry in METHODS.items() if build("pattern", name).looks))
@pytest.mark.parametrize("chunk", [10_000, 24, 17])
def test_a_short_text_is_read_whole_without_a_look_and_so_is_the_beginning_of_a_long_one(name, chunk, monkeypatch):
    """Patterns that only skip stay as they are: they cost nothing to choose."""
    monkeypatch.setattr("longspan.core.attend.SHORT", 32)
    q, k, v = random(90, 90)
    got, dense = (attended(pattern, q, k, v, chunk=chunk) for pattern in (tight(name), Dense()))
    torch.testing.assert_close(got[:, :, :32], dense[:, :, :32], atol=2e-5, rtol=1e-4)
    monkeypatch.setattr(type(tight(name)), "tiles", None)
    torch.testing.assert_close(attended(tight(name), q[:, :, :30], k[:, :, :30], v[:, :, :30]), dense[:, :, :30])
